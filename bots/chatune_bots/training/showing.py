"""What a person in front of a training run sees: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from chatune_bots.training.messages import Ended, Hear, Message, Said, Staged, Stepped


@contextmanager
def shown(console: Console) -> Iterator[Hear]:
    """Yield how to show what a trainer says while the body runs."""
    if not console.is_terminal:
        yield _Lines(console).hear
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[how]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress).hear


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=None, how="")

    def hear(self, message: Message) -> None:
        match message:
            case Said(line=line):
                self._progress.console.print(line, markup=False, highlight=False)
            case Staged(stage=stage, share=share):
                self._show(stage, share or None, "")
            case Stepped() as step:
                self._show("training", step.number / step.of, _how(step))
            case Ended():
                pass

    def _show(self, what: str, share: float | None, how: str) -> None:
        total = None if share is None else 1.0
        self._progress.update(
            self._task, description=what, total=total, completed=share or 0.0, how=how
        )


class _Lines:
    """Each stage once, and a step in ten."""

    def __init__(self, console: Console) -> None:
        self._console, self._stage = console, ""

    def hear(self, message: Message) -> None:
        match message:
            case Said(line=line):
                self._print(line)
            case Staged(stage=stage) if stage != self._stage:
                self._stage = stage
                self._print(stage)
            case Stepped(number=number, of=of) as step if number % max(1, of // 10) == 0:
                self._print(f"step {number} of {of}: {_how(step)}")
            case _:
                pass

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _how(step: Stepped) -> str:
    return f"loss {step.loss:.3f}, right {step.accuracy:.0%}, kl {step.kl:.3f}"
