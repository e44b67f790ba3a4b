"""What was computed once is not computed again, and nothing else is taken for it."""

from chatune_core.generation.requests import LoraId
from fakes.batching import job, scheduler, step, steps_until


def test_the_next_turn_of_a_conversation_finds_its_history_computed() -> None:
    batch = scheduler()
    first = job(40, tokens=10)
    batch.submit(first)
    steps_until(batch, lambda: first.exhausted)
    second = job([*first.tokens, 5, 6])
    batch.submit(second)

    (work,) = step(batch)

    assert work.job.slot == first.slot
    assert (work.chunk.start, list(work.chunk.tokens)) == (49, [7, 5, 6])
    assert work.copy is None


def test_the_last_prompt_token_is_run_even_if_all_is_cached() -> None:
    batch = scheduler()
    first = job(40)
    batch.submit(first)
    steps_until(batch, lambda: first.exhausted)
    again = job(list(first.prompt))
    batch.submit(again)

    (work,) = step(batch)

    assert (work.chunk.start, len(work.chunk.tokens)) == (39, 1)
    assert again.reused == 39


def test_a_shared_system_prompt_is_copied_from_a_slot_in_use() -> None:
    system = list(range(100))
    batch = scheduler(budget=128)
    first, second = job([*system, 501]), job([*system, 502, 503])
    batch.submit(first)
    step(batch)
    batch.submit(second)

    work = step(batch)[-1]

    assert work.copy is not None
    assert (work.copy.source, work.copy.tokens) == (first.slot, 100)
    assert list(work.chunk.tokens) == [502, 503]


def test_a_request_with_a_common_start_does_not_wipe_out_a_longer_history() -> None:
    system = list(range(30))
    batch = scheduler(slots=2)
    history = job([*system, *range(500, 600)])
    batch.submit(history)
    steps_until(batch, lambda: history.exhausted)
    batch.submit(job([*system, 601]))
    step(batch)
    next_turn = job([*history.prompt, 700])
    batch.submit(next_turn)

    step(batch)

    assert next_turn.reused == 130


def test_requests_that_come_together_read_their_shared_prompt_once() -> None:
    system = list(range(300))
    batch = scheduler(slots=8, budget=64)
    jobs = [job([*system, 500 + number], user=f"user {number}") for number in range(8)]
    for one in jobs:
        batch.submit(one)
    read = 0
    while not all(one.completion_tokens for one in jobs):
        read += sum(
            len(work.chunk.tokens)
            for work in step(batch)
            if work.chunk.start < len(work.job.prompt)
        )

    assert read == 300 + 8


def test_whoever_waits_for_a_shared_prompt_reads_it_if_the_reader_is_cancelled() -> None:
    system = list(range(300))
    batch = scheduler(budget=64)
    reader, follower = job([*system, 500]), job([*system, 501], user="bob")
    batch.submit(reader)
    batch.submit(follower)
    step(batch)
    step(batch)
    assert follower.slot is None
    batch.end(reader)

    steps_until(batch, lambda: follower.completion_tokens == 1)

    assert follower.reused == 128


def test_nothing_computed_with_one_lora_is_reused_with_another() -> None:
    batch = scheduler()
    first = job(50, lora="a")
    batch.submit(first)
    steps_until(batch, lambda: first.exhausted)
    for lora, reused in (("b", 0), (None, 0), ("a", 49)):
        again = job(list(first.prompt), lora=lora)
        batch.submit(again)
        step(batch)

        assert again.reused == reused


def test_what_a_dropped_lora_computed_is_forgotten() -> None:
    batch = scheduler()
    first = job(50, lora="a")
    batch.submit(first)
    steps_until(batch, lambda: first.exhausted)
    batch.forget_lora(LoraId("a"))
    again = job(list(first.prompt), lora="a")
    batch.submit(again)

    step(batch)

    assert again.reused == 0


def test_what_a_failed_request_left_in_its_slot_is_not_reused() -> None:
    batch = scheduler()
    failed = job(50)
    batch.submit(failed)
    step(batch)
    batch.end(failed, forget=True)
    again = job(list(failed.prompt))
    batch.submit(again)

    step(batch)

    assert again.reused == 0
