"""What a person sees while something loads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn


@contextmanager
def loading_bar(console: Console, what: str) -> Iterator[Callable[[float | None], None]]:
    """Show that `what` is under way; yield how to say how far it is, as a share from 0 to 1.

    A spinner until a share is known, then a bar. It vanishes when the body ends.
    """
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30)
    with Progress(*columns, console=console, transient=True) as progress:
        spinning = progress.add_task(what, total=None)

        def show(share: float | None) -> None:
            if share is not None:
                progress.update(spinning, total=1.0, completed=share)

        yield show
