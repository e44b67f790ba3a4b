"""`chatune moderate`: what moderation says about a text, a picture or a stream of texts."""

import json
import sys
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import anyio

from chatune_adapters.console.intake import mended
from chatune_bots.compose import open_models
from chatune_bots.home import Home
from chatune_bots.moderation import open_moderation
from chatune_bots.moderation_settings import GuardSection
from chatune_bots.start import Start, start
from chatune_core.errors import InvalidInput
from chatune_core.messages import ConversationId
from chatune_core.moderation.images.headers import Kind, kind_of
from chatune_core.moderation.moderator import Examined, Failing, Moderator
from chatune_core.moderation.verdicts import Category, Level, Role, Said, Source, Span, Verdict
from chatune_core.ports import Generator

_MEANINGS: Mapping[Level, str] = {
    Level.ALLOW: "nothing follows",
    Level.REVIEW: "a person would look at it",
    Level.ACT: "something would be done at once",
}
_OFF = "moderation is off in the settings; this is what it would say if it were on"
# Nobody waits for an answer in a conversation, and an answer without the model would mislead.
_PATIENT = Failing(timedelta(seconds=120), frozenset(Role))
_AROUND = 80  # characters shown beside what was found
_MOST_PASSAGES = 12
_LARGEST_FILE = 30_000_000  # bytes; the picture rule itself takes less


def source_named(role: str, channel: str) -> Source:
    """Return the source that command line options name.

    Raises:
        InvalidInput: there is no such role.
    """
    return Source(role_named(role), ConversationId(channel))


def role_named(name: str) -> Role:
    """Return the role called `name`.

    Raises:
        InvalidInput: naming those that there are.
    """
    try:
        return Role(name)
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise InvalidInput(f"There is no role {name!r}; choose one of {known}.") from None


def run_moderate(home: Home, folder: Path, text: str, source: Source) -> None:
    """Print what moderation says about one text."""
    typed = mended(text).text
    anyio.run(partial(_text, start(home, folder, None), Said(typed, source)))


def run_moderate_image(home: Home, folder: Path, image: Path, source: Source) -> None:
    """Print what moderation says about one picture.

    Raises:
        InvalidInput: the file cannot be read, or is no picture.
    """
    begun = start(home, folder, None)
    try:
        if image.stat().st_size > _LARGEST_FILE:
            raise InvalidInput(f"{image} is larger than {_LARGEST_FILE // 1_000_000} MB.")
        data = image.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{image} cannot be read: {error.strerror}.") from error
    if kind_of(data) is None:
        kinds = ", ".join(kind.value for kind in Kind)
        raise InvalidInput(f"{image} is no picture of a kind that is looked at ({kinds}).")
    anyio.run(partial(_picture, begun, data, source))


async def _text(begun: Start, said: Said) -> None:
    async with open_moderator(begun) as moderator:
        [examined] = await moderator.examine([said])
    print(described(said.text, examined))  # noqa: T201


async def _picture(begun: Start, data: bytes, source: Source) -> None:
    if not begun.settings.moderation.images.enabled:
        raise InvalidInput("Pictures are not looked at: moderation.images.enabled is false.")
    async with open_moderator(begun) as moderator:
        verdict = await moderator.check_picture(data, source.role, source.conversation)
    print("\n".join(_verdict_lines(verdict)))  # noqa: T201


@asynccontextmanager
async def open_moderator(begun: Start) -> AsyncGenerator[Moderator, None]:
    """Open the configured moderator for the body, with no other model than it needs.

    What is not as a person may expect is said on stderr.
    """
    settings = begun.settings
    section = settings.moderation
    if section.mode == "off":
        tell(_OFF)
        section = section.model_copy(update={"mode": "on"})
    async with (
        _guard(begun) as generators,
        open_moderation(section, begun.folder, generators, _PATIENT) as opened,
    ):
        for line in opened.lines:
            tell(line)
        assert opened.moderator is not None
        await opened.moderator.prepare()
        yield opened.moderator


@asynccontextmanager
async def _guard(begun: Start) -> AsyncGenerator[Mapping[str, Generator], None]:
    chosen = begun.settings.moderation.classifier
    if not isinstance(chosen, GuardSection):
        yield {}
        return
    only = {chosen.model: begun.settings.models[chosen.model]}
    settings = begun.settings.model_copy(update={"models": only})
    async with open_models(settings, begun.home, lambda stage, share: None) as models:
        yield models.generators


def tell(line: str) -> None:
    """Say something beside the answer."""
    print(f"chatune: {line}", file=sys.stderr, flush=True)  # noqa: T201


def answer(examined: Examined) -> dict[str, object]:
    """Return the answer to one line of `--jsonl`. Spans are [start, end, rule] in characters."""
    spans = {(span.start, span.end, span.rule) for f in examined.findings for span in f.spans}
    rules = dict.fromkeys(f.rule for f in examined.findings if not f.by_model)
    return {
        "scores": {category.value: score for category, score in _scores(examined).items()},
        "verdict": examined.verdict.level.value,
        "spans": [list(span) for span in sorted(spans)],
        "rules": list(rules),
    }


def as_line(value: object) -> str:
    """Return `value` as one line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def _scores(examined: Examined) -> dict[Category, float]:
    found = examined.verdict.scores
    return {category: round(found.get(category, 0.0), 4) for category in Category}


def described(text: str, examined: Examined) -> str:
    """Return the answer to a person: level, why, where in the text, and by which versions."""
    scores = "  ".join(f"{c.value} {score:.2f}" for c, score in _scores(examined).items())
    shown = [f"{'text':<9} {line}" for line in _passages(text, examined)]
    return "\n".join([*_verdict_lines(examined.verdict), *shown, f"{'scores':<9} {scores}"])


def _verdict_lines(verdict: Verdict) -> list[str]:
    meaning = _MEANINGS[verdict.level]
    if verdict.shadow and verdict.level is not Level.ALLOW:
        meaning = "in shadow mode it is only written down"
    lines = [f"{'verdict':<9} {verdict.level.value}: {meaning}"]
    lines += [
        f"{'because':<9} {finding.rule}: {finding.category.value} {finding.score:.2f}"
        for finding in verdict.findings
    ]
    lines += [f"{'excused':<9} {rule}" for rule in verdict.exempt]
    lines.append(f"{'policy':<9} {verdict.policy}" + (" (shadow)" if verdict.shadow else ""))
    lines.append(f"{'model':<9} {verdict.model or 'none'}")
    return lines


def _passages(text: str, examined: Examined) -> list[str]:
    """Return the parts of `text` in which something was found, rule by rule, each place marked."""
    found: dict[str, set[Span]] = {}
    for finding in examined.findings:
        for span in finding.spans:
            found.setdefault(span.rule, set()).add(span)
    passages = [
        _passage(text, near, rule) for rule, spans in found.items() for near in _clusters(spans)
    ]
    more = len(passages) - _MOST_PASSAGES
    return passages if more <= 0 else [*passages[:_MOST_PASSAGES], f"(and {more} more)"]


def _clusters(spans: Collection[Span]) -> list[list[Span]]:
    """Return the spans in groups that can be shown together."""
    clusters: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if clusters and span.start - clusters[-1][-1].end <= _AROUND:
            clusters[-1].append(span)
        else:
            clusters.append([span])
    return clusters


def _passage(text: str, spans: Sequence[Span], rule: str) -> str:
    start, end = max(0, spans[0].start - _AROUND), spans[-1].end + _AROUND
    pieces, at = ["…" * (start > 0)], start
    for span in spans:
        pieces.append(f"{text[at : span.start]}»{text[span.start : span.end]}«")
        at = max(at, span.end)
    pieces.append(text[at:end] + "…" * (end < len(text)))
    return f"{' '.join(''.join(pieces).split())}  ({rule})"
