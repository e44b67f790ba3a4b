"""What is seen of a demonstration: short plain lines, bars while something runs, tables."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from chatune_core.learning.recipe import Step, Unwatched
from chatune_core.text import clean

_SEEN = 4  # ratings on the screen
_CHARS = 66


class Show:
    """The screen."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def act(self, title: str) -> None:
        """Begin a part."""
        self._console.rule(f"[bold]{escape(title)}")

    def say(self, line: str) -> None:
        """Show a line of the narrator's."""
        self._console.print(escape(line))

    @contextmanager
    def ratings(self, total: int) -> Iterator[Callable[[str, str, bool], None]]:
        """Yield how to show who rated what, while the body runs."""
        bar = _bar()
        task = bar.add_task("answers rated", total=total)
        newest: deque[str] = deque(maxlen=_SEEN)
        with self._live(bar) as live:

            def show(person: str, text: str, good: bool) -> None:
                thumb = "[green]good[/]" if good else "[red]bad [/]"
                newest.append(f"  {thumb} {escape(person):<6} {escape(_line(text, _CHARS))}")
                bar.advance(task)
                live.update(Group(*newest, bar))

            yield show

    @contextmanager
    def work(self, what: str) -> Iterator["Work"]:
        """Yield what shows how far some work has come, while the body runs."""
        bar = _bar()
        task = bar.add_task(what, total=None)
        with self._live(bar):
            yield Work(bar, task)

    def table(self, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table; what a model said means nothing to the terminal."""
        table = Table(title=title, title_justify="left", show_lines=True)
        for head in heads:
            table.add_column(head, overflow="fold", ratio=1)
        for row in rows:
            table.add_row(*(escape(clean(cell)) for cell in row))
        self._console.print(table)

    def facts(self, facts: Mapping[str, str]) -> None:
        """Show names and values, one a line."""
        width = max(map(len, facts))
        for name, value in facts.items():
            self._console.print(f"  {escape(name):<{width}}  {escape(value)}", highlight=False)

    @contextmanager
    def _live(self, bar: Progress) -> Iterator[Live]:
        with Live(bar, console=self._console, refresh_per_second=8, transient=True) as live:
            yield live


class Work(Unwatched):
    """One bar; fulfils `Watcher` for a training run."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def stage(self, name: str, share: float) -> None:
        """See `Watcher.stage`."""
        self._bar.update(self._task, description=name, total=1.0, completed=share)

    def step(self, step: Step) -> None:
        """See `Watcher.step`."""
        line = f"step {step.number} of {step.of}, {step.accuracy:.0%} on the right side"
        self._bar.update(self._task, description=line, total=step.of, completed=step.number)


def _bar() -> Progress:
    return Progress(TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn())


def _line(text: str, most: int) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
