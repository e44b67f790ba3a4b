"""How often the process that serves looks for unreachable objects."""

import gc

_AFTER = (10_000, 20, 20)
"""New objects before a look at the young ones, and looks before one at the older generations."""


def collect_seldom() -> None:
    """Leave alone what is there now, and look through newer objects less often than is usual.

    For a process that has loaded all it needs and goes on for long: modules, settings and models
    are never freed, and a turn makes hundreds of small values that the reference counts free.
    A look at all of them every few turns took a fifth of the time of a turn.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_AFTER)
