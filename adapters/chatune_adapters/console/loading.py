"""What a person sees while something loads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn


@contextmanager
def loading_bar(console: Console) -> Iterator[Callable[[str, float], None]]:
    """Yield how to show what is being loaded and how much of it is done, from 0 to 1.

    A spinner while nothing is done, then a bar. It vanishes when the body ends.
    """
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30)
    with Progress(*columns, console=console, transient=True) as progress:
        loading = progress.add_task("loading", total=None)

        def show(stage: str, share: float) -> None:
            total = 1.0 if share else None
            progress.update(loading, description=stage, total=total, completed=share)

        yield show
