"""Continuous batching, driven step by step without a device and without a clock."""

import pytest

from chatune_core.errors import GenerationFailed, QueueFull
from chatune_core.generation.requests import Priority
from fakes.batching import job, scheduler, step, steps_until


def test_a_short_prompt_gives_its_first_token_in_the_step_after_it_came() -> None:
    batch, one = scheduler(), job(10)
    batch.submit(one)

    (work,) = step(batch)

    assert (work.chunk.start, list(work.chunk.tokens)) == (0, list(one.prompt))
    assert one.completion_tokens == 1


def test_a_late_joiner_gets_its_first_token_before_the_others_end() -> None:
    batch = scheduler(slots=4)
    others = [job(tokens=50) for _ in range(3)]
    for one in others:
        batch.submit(one)
    for _ in range(10):
        step(batch)
    late = job(30)
    batch.submit(late)

    step(batch)

    assert late.completion_tokens == 1
    assert all(one.completion_tokens == 11 for one in others)


def test_running_answers_get_a_token_in_every_step_while_a_long_prompt_is_read() -> None:
    batch = scheduler(budget=64)
    answer, long = job(tokens=100), job(640)
    batch.submit(answer)
    step(batch)
    batch.submit(long)

    taken = steps_until(batch, lambda: long.completion_tokens == 1)

    assert taken == 10
    assert answer.completion_tokens == 11


def test_a_short_question_passes_a_long_prompt_that_still_goes_on() -> None:
    batch = scheduler(budget=64)
    long, second_long, short = job(600), job(600), job(20)
    batch.submit(long)
    step(batch)
    batch.submit(second_long)
    step(batch)
    batch.submit(short)

    works = step(batch)

    assert short.completion_tokens == 1
    assert {work.job for work in works} == {long, short}
    steps_until(batch, lambda: long.exhausted and second_long.exhausted, limit=30)


def test_the_budget_is_spent_whole_when_one_prompt_is_all_there_is() -> None:
    batch, long = scheduler(budget=64), job(600)
    batch.submit(long)

    lengths = [len(step(batch)[0].chunk.tokens) for _ in range(10)]

    assert lengths == [64] * 9 + [24]


def test_a_request_waits_when_every_slot_is_taken_and_starts_when_one_is_free() -> None:
    batch = scheduler(slots=1)
    first, second = job(tokens=3), job()
    batch.submit(first)
    batch.submit(second)
    step(batch)
    assert (batch.running, batch.waiting, batch.free_slots) == (1, 1, 0)

    batch.end(first)
    step(batch)

    assert second.completion_tokens == 1
    assert batch.waiting == 0


def test_the_line_names_everyone_who_waits_in_order() -> None:
    batch = scheduler(slots=1)
    jobs = [job(user="ann"), job(user="ann"), job(user="ann"), job(user="bob")]
    for one in jobs:
        batch.submit(one)
    step(batch)

    assert batch.line() == [jobs[3], jobs[1], jobs[2]]


def test_cancelling_a_waiting_request_moves_up_those_behind() -> None:
    batch = scheduler(slots=1)
    jobs = [job() for _ in range(3)]
    for one in jobs:
        batch.submit(one)
    step(batch)

    batch.end(jobs[1])

    assert batch.line() == [jobs[2]]


def test_cancelling_a_running_request_frees_its_slot_for_the_next_step() -> None:
    batch = scheduler(slots=1)
    running, waiting = job(tokens=500), job()
    batch.submit(running)
    batch.submit(waiting)
    step(batch)

    batch.end(running)

    assert [work.job for work in step(batch)] == [waiting]


def test_the_queue_refuses_more_than_its_limit_and_says_how_many_wait() -> None:
    batch = scheduler(slots=1, queue=4)
    batch.submit(job())
    step(batch)
    for number in range(4):
        batch.submit(job(user=f"user {number}"))

    with pytest.raises(QueueFull) as refusal:
        batch.submit(job(user="late"))

    assert refusal.value.waiting == 4


def test_a_burst_that_fits_the_free_slots_needs_no_queue() -> None:
    batch = scheduler(slots=4, queue=1)

    for _ in range(5):
        batch.submit(job())
    step(batch)

    assert (batch.running, batch.waiting) == (4, 1)


def test_one_user_cannot_take_the_whole_queue() -> None:
    batch = scheduler(slots=1, queue=10)
    batch.submit(job(user="cid"))
    step(batch)
    for _ in range(5):
        batch.submit(job(user="ann"))

    with pytest.raises(QueueFull):
        batch.submit(job(user="ann"))
    batch.submit(job(user="bob"))


def test_a_user_with_many_waiting_does_not_delay_the_first_of_another() -> None:
    batch = scheduler(slots=2)
    for _ in range(30):
        batch.submit(job(user="ann", tokens=5))
    step(batch)
    bob = job(user="bob")
    batch.submit(bob)

    taken = steps_until(batch, lambda: bob.completion_tokens == 1)

    assert taken <= 6, "as soon as the first of ann's two running answers ends"


def test_background_work_leaves_a_slot_for_others() -> None:
    batch = scheduler(slots=4)
    for _ in range(10):
        batch.submit(job(priority=Priority.BACKGROUND, tokens=100))
    step(batch)
    urgent = job(user="bob", priority=Priority.INTERACTIVE)
    batch.submit(urgent)

    step(batch)

    assert urgent.completion_tokens == 1


def test_background_work_runs_even_with_a_single_slot() -> None:
    batch, one = scheduler(slots=1), job(priority=Priority.BACKGROUND)
    batch.submit(one)

    step(batch)

    assert one.completion_tokens == 1


def test_background_work_ends_however_much_else_keeps_coming() -> None:
    batch = scheduler(slots=1)
    patient = job(priority=Priority.BACKGROUND)
    batch.submit(patient)
    number = iter(range(10_000))

    def ended() -> bool:
        while batch.waiting < 8:
            user = f"user {next(number)}"
            batch.submit(job(30, user=user, priority=Priority.INTERACTIVE))
        return patient.completion_tokens == 5

    steps_until(batch, ended, limit=20_000)


def test_a_request_past_its_deadline_is_named_whether_it_waits_or_runs() -> None:
    batch = scheduler(slots=1)
    running, waiting, patient = job(deadline_at=5.0), job(deadline_at=4.0), job()
    for one in (running, waiting, patient):
        batch.submit(one)
    step(batch)

    assert batch.expire(3.9) == []
    assert batch.expire(5.0) == [running, waiting]


def test_prompt_and_completion_together_stay_within_the_context() -> None:
    batch, one = scheduler(context=20), job(15, tokens=100)
    batch.submit(one)

    steps_until(batch, lambda: batch.running == batch.waiting == 0)

    assert one.completion_tokens == 5


@pytest.mark.parametrize("length", [0, 20, 21])
def test_a_prompt_that_cannot_be_answered_is_refused(length: int) -> None:
    with pytest.raises(GenerationFailed, match="prompt"):
        scheduler(context=20).submit(job(length))
