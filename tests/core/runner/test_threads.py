"""All threads while they are left alone, one while they are not."""

from chatune_core.generation.threads import ThreadGovernor


class Machine:
    """Two cores; `others` is how much of them other processes take, from 0 to 1."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0
        self.others = 0.0
        self.used: list[int] = []
        self.governor = ThreadGovernor(2, self.used.append, lambda: self.wall_s, lambda: self.cpu_s)

    def run(self, steps: int, step_s: float = 0.02) -> int:
        """Run steps and return how many threads the last one had."""
        for _ in range(steps):
            with self.governor.step():
                self.wall_s += step_s
                self.cpu_s += step_s * self.used[-1] * (1 - self.others)
        return self.used[-1]


def test_threads_that_are_left_alone_all_go_on() -> None:
    assert Machine().run(1000) == 2


def test_a_busy_machine_gets_one_thread_within_a_tenth_of_a_second() -> None:
    machine = Machine()
    machine.run(50)
    machine.others = 0.4

    assert machine.run(11) == 1


def test_one_collapsed_step_is_enough() -> None:
    machine = Machine()
    machine.others = 0.4

    machine.run(1, step_s=1.1)

    assert machine.run(1) == 1


def test_all_threads_come_back_soon_after_the_others_have_gone() -> None:
    machine = Machine()
    machine.others = 0.4
    machine.run(10)
    machine.others = 0.0

    assert machine.run(90) == 1  # the pause of two seconds
    assert machine.run(20) == 2
    assert machine.run(1000) == 2


def test_while_the_machine_stays_busy_trying_again_grows_rare() -> None:
    machine = Machine()
    machine.others = 0.4

    machine.run(50 * 120)

    tries = machine.used.count(2)
    assert 4 <= tries <= 9


def test_a_single_thread_is_never_changed() -> None:
    used: list[int] = []
    governor = ThreadGovernor(1, used.append, lambda: 0.0, lambda: 0.0)

    for _ in range(5):
        with governor.step():
            pass

    assert used == [1]
