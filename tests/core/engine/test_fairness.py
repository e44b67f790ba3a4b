"""Whose turn it is: least served user first, priorities that fade, nobody for ever last."""

from hypothesis import given
from hypothesis import strategies as st

from chatune_core.generation.fairness import FairShare
from chatune_core.generation.job import Job
from chatune_core.generation.requests import Priority
from chatune_core.messages import ConversationId, UserId


def job(
    user: str, conversation: str = "c", priority: Priority = Priority.NORMAL, tokens: int = 10
) -> Job:
    return Job([1] * tokens, 10, UserId(user), ConversationId(conversation), priority)


def served_in_full(fair: FairShare, done: Job) -> None:
    done.cached = len(done.prompt)
    done.tokens.extend([1] * done.max_tokens)
    fair.admit(done)
    fair.advance(done.cost)
    fair.settle(done)


def joined(fair: FairShare, *jobs: Job) -> list[Job]:
    for one in jobs:
        fair.join(one)
    return list(jobs)


def test_requests_of_one_user_are_served_in_the_order_of_arrival() -> None:
    fair = FairShare(priority_tokens=1000)
    jobs = joined(fair, *(job("ann") for _ in range(5)))

    assert fair.line(jobs) == jobs


def test_fifty_waiting_requests_of_one_user_do_not_delay_the_first_of_another() -> None:
    fair = FairShare(priority_tokens=1000)
    waiting = joined(fair, *(job("ann") for _ in range(50)))
    fair.admit(waiting.pop(0))
    bob = job("bob")
    waiting += joined(fair, bob)

    assert fair.line(waiting)[0] is bob


def test_two_users_with_many_requests_take_turns() -> None:
    fair = FairShare(priority_tokens=1000)
    waiting = joined(fair, *(job("ann") for _ in range(4)), *(job("bob") for _ in range(4)))

    users = [one.user for one in fair.line(waiting)]

    assert users == ["ann", "bob"] * 4


def test_long_requests_count_for_more_than_short_ones() -> None:
    fair = FairShare(priority_tokens=1000)
    waiting = joined(
        fair, *(job("ann", tokens=100) for _ in range(3)), *(job("bob") for _ in range(6))
    )

    users = [one.user for one in fair.line(waiting)]

    assert users == ["ann", "bob", "bob", "bob", "bob", "ann", "bob", "bob", "ann"]


def test_conversations_of_one_user_take_turns() -> None:
    fair = FairShare(priority_tokens=1000)
    waiting = joined(fair, *(job("ann", "first") for _ in range(3)), job("ann", "second"))

    conversations = [one.conversation for one in fair.line(waiting)]

    assert conversations == ["first", "second", "first", "first"]


def test_an_interactive_request_passes_background_work() -> None:
    fair = FairShare(priority_tokens=1000)
    waiting = joined(fair, job("ann", priority=Priority.BACKGROUND))
    urgent = job("bob", priority=Priority.INTERACTIVE)
    waiting += joined(fair, urgent)

    assert fair.line(waiting)[0] is urgent


def test_an_urgent_request_passes_background_work_of_its_own_conversation() -> None:
    fair = FairShare(priority_tokens=1000)
    waiting = joined(fair, job("ann", priority=Priority.BACKGROUND))
    urgent = job("ann", priority=Priority.INTERACTIVE)
    waiting += joined(fair, urgent)

    assert fair.line(waiting)[0] is urgent


def test_absence_saves_up_no_lead() -> None:
    fair = FairShare(priority_tokens=1000)
    for _ in range(20):
        served_in_full(fair, *joined(fair, job("ann")))
    ann, bob = joined(fair, job("ann"), job("bob"))

    assert fair.line([ann, bob]) == [ann, bob], "equal accounts, the earlier is first"


def test_what_was_charged_and_not_used_is_given_back() -> None:
    fair = FairShare(priority_tokens=1000)
    (cancelled,) = joined(fair, job("ann"))
    fair.admit(cancelled)
    fair.settle(cancelled)
    ann, bob = joined(fair, job("ann"), job("bob"))

    assert fair.line([ann, bob]) == [ann, bob]


def test_background_work_is_served_however_many_new_users_keep_coming() -> None:
    fair = FairShare(priority_tokens=1000)
    patient = job("ann", priority=Priority.BACKGROUND)
    waiting = joined(fair, patient)

    for number in range(1000):
        waiting += joined(fair, job(f"user {number}", priority=Priority.INTERACTIVE))
        chosen = fair.line(waiting)[0]
        if chosen is patient:
            break
        waiting.remove(chosen)
        served_in_full(fair, chosen)

    assert chosen is patient
    assert number < 2 * 2000 / 30 + 2, "two active users, two classes of 1000, 30 tokens a request"


def test_background_work_of_a_conversation_is_served_beside_its_own_endless_chat() -> None:
    fair = FairShare(priority_tokens=1000)
    patient = job("ann", priority=Priority.BACKGROUND)
    waiting = joined(fair, patient)

    for _ in range(1000):
        waiting += joined(fair, job("ann", priority=Priority.INTERACTIVE))
        chosen = fair.line(waiting)[0]
        if chosen is patient:
            break
        waiting.remove(chosen)
        served_in_full(fair, chosen)

    assert chosen is patient


def test_accounts_of_people_long_gone_are_forgotten() -> None:
    fair = FairShare(priority_tokens=1000)

    for number in range(5000):
        served_in_full(fair, *joined(fair, job(f"user {number}")))

    assert len(fair._served) < 1000


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.sampled_from(Priority)))
)
def test_the_line_is_the_order_in_which_the_waiting_would_be_admitted(
    asked: list[tuple[str, str, Priority]],
) -> None:
    fair = FairShare(priority_tokens=50)
    waiting = joined(fair, *(job(user, talk, priority) for user, talk, priority in asked))
    foreseen = fair.line(waiting)

    admitted = []
    while waiting:
        admitted.append(fair.line(waiting)[0])
        waiting.remove(admitted[-1])
        fair.admit(admitted[-1])

    assert admitted == foreseen
