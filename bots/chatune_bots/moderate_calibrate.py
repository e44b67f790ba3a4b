"""`chatune moderate calibrate`: what the policy would have flagged in the operator's own sample."""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from io import FileIO
from pathlib import Path

import anyio
from anyio import to_thread
from rich.console import Console
from rich.progress import Progress

from chatune_bots.home import Home
from chatune_bots.moderate import open_moderator
from chatune_bots.moderate_lines import Judged, judged_lines, said_in_json, said_in_text
from chatune_bots.start import Start, start
from chatune_core.errors import InvalidInput
from chatune_core.moderation.moderator import Examined
from chatune_core.moderation.policy import Policy
from chatune_core.moderation.verdicts import Category, Finding, Level, Said, Source

_CHUNK = 1 << 16
_EXAMPLES = 10
_SHOWN = 160  # characters of an example


def run_calibrate(home: Home, folder: Path, sample: Path, source: Source, *, show: bool) -> None:
    """Judge every line of `sample` and print how many would be flagged, by category and level.

    A .jsonl file has a {"text", "role", "channel"} a line, any other file a text a line. Texts are
    printed only with `show`.

    Raises:
        InvalidInput: the file cannot be read or is empty.
    """
    begun = start(home, folder, None)
    said_in = partial(said_in_json if sample.suffix == ".jsonl" else said_in_text, source=source)
    try:
        with sample.open("rb", buffering=0) as file, Progress(console=_stderr()) as progress:
            task = progress.add_task("judging", total=sample.stat().st_size)
            advance = partial(progress.advance, task)
            tally = anyio.run(partial(_tallied, begun, file, said_in, advance, show=show))
    except OSError as error:
        raise InvalidInput(f"{sample} cannot be read: {error.strerror}.") from error
    if not tally.judged:
        raise InvalidInput(f"{sample} holds no text that could be judged.")
    print(tally.report())  # noqa: T201


async def _tallied(
    begun: Start,
    file: FileIO,
    said_in: Callable[[bytes], Said],
    advance: Callable[[int], None],
    *,
    show: bool,
) -> "Tally":
    async with open_moderator(begun) as moderator:
        tally = Tally(moderator.policy, show=show)
        lines = judged_lines(moderator, partial(to_thread.run_sync, file.read, _CHUNK), said_in)
        async for number, line, judged in lines:
            tally.add(number, judged)
            advance(len(line) + 1)
    return tally


def _stderr() -> Console:
    # A bar for people; nothing for pipes and logs.
    return Console(stderr=True, quiet=not sys.stderr.isatty())


_Kind = tuple[Category, str, str]
"""Category, level and rule of what was flagged."""


class Tally:
    """What was flagged so far."""

    def __init__(self, policy: Policy, *, show: bool) -> None:
        """Count by the levels of `policy`; keep the texts of examples only with `show`."""
        self._policy, self._show = policy, show
        self._levels: Counter[Level] = Counter()
        self._unread: list[int] = []
        self._flagged: Counter[_Kind] = Counter()
        self._examples: defaultdict[_Kind, list[tuple[int, str]]] = defaultdict(list)
        self._model = ""

    @property
    def judged(self) -> int:
        """Return how many texts were judged."""
        return self._levels.total()

    def add(self, number: int, judged: Judged) -> None:
        """Count the outcome of one line."""
        if not isinstance(judged, Examined):
            self._unread.append(number)
            return
        said = judged.said
        self._model = judged.verdict.model
        self._levels[judged.verdict.level] += 1
        for kind in dict.fromkeys(self._kind(finding, said) for finding in judged.verdict.findings):
            self._flagged[kind] += 1
            if len(self._examples[kind]) < _EXAMPLES:
                text = " ".join(said.text.split())[:_SHOWN] if self._show else ""
                self._examples[kind].append((number, text))

    def _kind(self, finding: Finding, said: Said) -> _Kind:
        alone = self._policy.judge((finding,), said.source)
        return finding.category, alone.level.value, finding.rule

    def report(self) -> str:
        """Return the numbers and the examples, for a person."""
        mode = ", in shadow mode" if self._policy.shadow else ""
        judges = f"policy {self._policy.version}{mode}; model {self._model or 'none'}"
        return "\n".join(
            [
                f"{self.judged:,} texts judged; {judges}",
                *(self._unread_line() if self._unread else ()),
                "",
                *(f"{level.value:<12}{self._share(self._levels[level])}" for level in Level),
                "",
                *(self._table() if self._flagged else ("Nothing was flagged.",)),
            ]
        )

    def _unread_line(self) -> list[str]:
        return [f"{len(self._unread):,} lines could not be judged: {_listed(self._unread)}"]

    def _table(self) -> list[str]:
        lines = [f"{'category':<12}{'level':<8}{'rule':<22}{'texts':>9}  {'share':>6}   lines"]
        for (category, level, rule), count in sorted(
            self._flagged.items(), key=lambda item: (item[0][0].value, item[0][1], -item[1])
        ):
            examples = self._examples[category, level, rule]
            numbers = _listed([number for number, _ in examples], count)
            row = f"{category.value:<12}{level:<8}{rule:<22}{self._share(count)}   {numbers}"
            lines += [row, *(f"    {number}: {text}" for number, text in examples if self._show)]
        return lines

    def _share(self, count: int) -> str:
        return f"{count:>9,}  {count / max(1, self.judged):>6.1%}"


def _listed(numbers: Sequence[int], count: int | None = None) -> str:
    shown = ", ".join(map(str, numbers[:_EXAMPLES]))
    return shown + (", …" if (count or len(numbers)) > _EXAMPLES else "")
