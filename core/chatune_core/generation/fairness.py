"""Who is next: fair share by tokens served, per user and per conversation, priorities that fade.

The rule. Each user has an account of the tokens they were served. Next is the request of the user
with the lowest account, and among that user's requests the one of the conversation with the lowest
account; the earliest breaks a tie. A request is charged for all it may take when it is admitted,
and what it did not take is given back when it ends, so the line foresees its own effect.

The clock counts tokens served per active user. Whoever starts to wait is lifted to the clock, so
nobody saves up a lead by staying away. Each priority class below the first counts as
`priority_tokens` more on the account, less what the clock has gained since the request came.

So nobody starves: the clock grows with every step, whoever comes later starts at it or above, and
those already there pay for what they get; a request is passed a bounded number of times.

Source: the virtual token counter of Sheng et al. 2024, arXiv:2401.00588, algorithm 2. We differ in
the clock: theirs lifts to the lowest account, which lets an endless row of new users starve an
old one; ours lifts to the virtual time of fair queueing (Demers, Keshav and Shenker 1989).
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

from chatune_core.generation.job import Job
from chatune_core.messages import ConversationId, UserId

_Key = TypeVar("_Key")
_Account = tuple[UserId, ConversationId | None]
_IDLE_ACCOUNTS = 256


class FairShare:
    """The accounts, and the line that follows from them. Not thread-safe."""

    def __init__(self, priority_tokens: int) -> None:
        self._priority_tokens = priority_tokens
        self._clock = 0.0
        self._served: dict[_Account, float] = {}
        self._waiting: Counter[_Account] = Counter()
        self._active: Counter[UserId] = Counter()
        self._tidy_at = _IDLE_ACCOUNTS

    def waiting_of(self, user: UserId) -> int:
        """Return how many requests of `user` wait."""
        return self._waiting[user, None]

    def join(self, job: Job) -> None:
        """Count `job` as waiting; its accounts are lifted to the clock unless they wait already."""
        job.joined_clock = self._clock
        self._active[job.user] += 1
        for account in _accounts(job):
            if not self._waiting[account]:
                self._served[account] = max(self._served.get(account, 0.0), self._clock)
            self._waiting[account] += 1

    def admit(self, job: Job) -> None:
        """Charge `job` in full; it no longer waits."""
        for account in _accounts(job):
            _decrease(self._waiting, account)
            self._served[account] += job.charge

    def abandon(self, job: Job) -> None:
        """Forget a waiting `job`; nothing was charged."""
        for account in _accounts(job):
            _decrease(self._waiting, account)
        self._leave(job)

    def settle(self, job: Job) -> None:
        """End an admitted `job`; what it did not take of its charge is given back."""
        for account in _accounts(job):
            self._served[account] += job.cost - job.charge
        self._leave(job)

    def advance(self, cost: int) -> None:
        """Move the clock by `cost` weighted tokens, shared by the active users."""
        self._clock += cost / max(1, len(self._active))

    def line(self, waiting: Iterable[Job]) -> list[Job]:
        """Return `waiting` (earliest first) in the order in which they would be admitted."""
        arrival = {job: number for number, job in enumerate(waiting)}
        users: defaultdict[UserId, defaultdict[ConversationId, list[Job]]]
        users = defaultdict(lambda: defaultdict(list))
        for job in arrival:
            users[job.user][job.conversation].append(job)
        lines = []
        for user, conversations in users.items():
            own = [
                (self._served[user, conversation], sorted(jobs, key=self._handicap))
                for conversation, jobs in conversations.items()
            ]
            lines.append((self._served[user, None], self._merged(own, arrival)))
        return self._merged(lines, arrival)

    def _merged(
        self, lines: Sequence[tuple[float, list[Job]]], arrival: dict[Job, int]
    ) -> list[Job]:
        """Take from the line with the lowest account again and again, charging it each time."""
        if len(lines) == 1:
            return lines[0][1]
        heap = [self._entry(served, jobs, 0, arrival) for served, jobs in lines]
        heapq.heapify(heap)
        merged = []
        while heap:
            _, _, served, jobs, place = heap[0]
            merged.append(jobs[place])
            if place + 1 == len(jobs):
                heapq.heappop(heap)
            else:
                served += jobs[place].charge
                heapq.heapreplace(heap, self._entry(served, jobs, place + 1, arrival))
        return merged

    def _entry(
        self, served: float, jobs: list[Job], place: int, arrival: dict[Job, int]
    ) -> tuple[float, int, float, list[Job], int]:
        job = jobs[place]
        return served + self._handicap(job), arrival[job], served, jobs, place

    def _handicap(self, job: Job) -> float:
        gained = self._clock - job.joined_clock
        return max(0.0, job.priority * self._priority_tokens - gained)

    def _leave(self, job: Job) -> None:
        _decrease(self._active, job.user)
        if len(self._served) > self._tidy_at:
            self._forget_idle()
            self._tidy_at = 2 * len(self._served) + _IDLE_ACCOUNTS

    def _forget_idle(self) -> None:
        # An idle account behind the clock says nothing: joining would lift it there anyway.
        self._served = {
            account: served
            for account, served in self._served.items()
            if served > self._clock or account[0] in self._active
        }


def _accounts(job: Job) -> tuple[_Account, _Account]:
    return (job.user, None), (job.user, job.conversation)


def _decrease(counts: Counter[_Key], key: _Key) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
