"""How often canaries are promoted and rolled back, simulated: people vote good with a given chance.

Each canary is looked at after every tenth of its counted votes, so it shows what the bounds of the sequential
test are worth to somebody who looks all the time.
"""

import argparse
import random
import statistics
import time

from rich.console import Console
from rich.table import Table

from chatune_core.learning.sequential import more_often

ALPHA = 0.05
CASES = ((0.6, 0.6), (0.8, 0.8), (0.6, 0.55), (0.6, 0.7), (0.6, 0.75), (0.6, 0.8), (0.6, 0.4))


def main() -> None:
    """Print a table: a line for each pair of rates and each share of conversations."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--votes", type=int, default=200, help="on the canary, at most")
    options = parser.parse_args()
    began = time.perf_counter()
    table = Table(
        "usual", "canary", "share", "promoted", "rolled back", "votes until then (median)"
    )
    for usual, new in CASES:
        for ratio in (1, 4):
            ends = [
                _end(random.Random(seed), usual, new, ratio, options.votes)
                for seed in range(options.runs)
            ]
            decided = [votes for course, votes in ends if course]
            shares = [sum(course == end for end, _ in ends) / len(ends) for course in (1, -1)]
            table.add_row(
                f"{usual:.0%}", f"{new:.0%}", f"{1 / (1 + ratio):.0%}", f"{shares[0]:.1%}", f"{shares[1]:.1%}",
                str(int(statistics.median(decided))) if decided else "-",
            )  # fmt: skip
    Console().print(table)
    print(f"{options.runs} canaries a line, {time.perf_counter() - began:.0f} s")


def _end(
    chance: random.Random, usual: float, new: float, ratio: int, votes: int
) -> tuple[int, int]:
    """Return 1 for promoted, -1 for rolled back or 0, and after how many votes on the canary."""
    control = [chance.random() < usual for _ in range(votes * ratio)]
    canary = [chance.random() < new for _ in range(votes)]
    bad = [[not good for good in arm] for arm in (control, canary)]
    for look in range(10, votes + 1, 10):
        if more_often(control[: look * ratio], canary[:look], ratio) >= 1 / ALPHA:
            return 1, look
        if more_often(bad[0][: look * ratio], bad[1][:look], ratio) >= 1 / ALPHA:
            return -1, look
    return 0, votes


if __name__ == "__main__":
    main()
