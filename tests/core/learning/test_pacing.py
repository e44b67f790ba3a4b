"""Training takes no more of the machine than it was given."""

import os

import torch

from chatune_core.learning.pacing import Pacer
from chatune_core.learning.recipe import Pace
from fakes.training_under_test import niceness_of_a_pace


class Watch:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_pause_is_as_long_as_the_work_before_it_asks_for() -> None:
    watch = Watch()
    pacer = Pacer(Pace(rest=0.5), watch.clock, watch.sleep)

    watch.now += 4.0
    pacer.breathe()
    watch.now += 1.0
    pacer.breathe()

    assert watch.slept == [2.0, 0.5]


def test_without_a_rest_there_is_no_pause() -> None:
    watch = Watch()
    pacer = Pacer(Pace(), watch.clock, watch.sleep)

    watch.now += 4.0
    pacer.breathe()

    assert watch.slept == []


def test_threads_are_those_of_the_pace_and_else_left_alone() -> None:
    before = torch.get_num_threads()
    try:
        Pacer(Pace())
        assert torch.get_num_threads() == before
        Pacer(Pace(threads=3))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_niceness_is_that_of_the_process_that_trains_alone() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)

    assert niceness_of_a_pace(19) == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
