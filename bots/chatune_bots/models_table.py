"""Versions of LoRAs as lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from chatune_bots.printable import printable
from chatune_core.learning.manifest import manifest_from
from chatune_core.learning.rows import Manifest
from chatune_core.learning.versions import LoraState, LoraVersion

_HEADS = ("ID", "MODEL", "STATE", "MADE", "PARENT", "WHY")


def list_lines(versions: Sequence[LoraVersion]) -> list[str]:
    """Return a table of versions, nothing if there are none."""
    if not versions:
        return []
    rows = [
        _HEADS,
        *(
            (
                version.id,
                version.model,
                state_of(version),
                _minute(version.made_at),
                version.parent or "-",
                version.reason or "-",
            )
            for version in versions
        ),
    ]
    return _aligned(rows)


def show_lines(version: LoraVersion, fault: str) -> Iterator[str]:
    """Yield everything about a version; `fault` is what is wrong with its files."""
    facts = {
        "id": version.id,
        "model": version.model,
        "base": version.base,
        "state": state_of(version),
        "why": version.reason,
        "made": _minute(version.made_at),
        "changed": _minute(version.changed_at),
        "parent": version.parent or "the bare model",
        "files": fault or f"{version.folder}, as registered",
        "sha256": version.sha256,
    }
    yield from _pairs(facts)
    manifest = _manifest(version)
    if manifest is not None:
        yield ""
        yield from _pairs(_of_dataset(manifest))
    yield ""
    yield from _pairs({name: f"{value:.4g}" for name, value in sorted(version.metrics.items())})


def diff_lines(one: LoraVersion, other: LoraVersion) -> list[str]:
    """Return a table of what differs between two versions."""
    rows: list[tuple[str, ...]] = [("", one.id, other.id, "CHANGE")]
    for name in ("model", "base"):
        here, there = getattr(one, name), getattr(other, name)
        if here != there:
            rows.append((name, here, there, ""))
    rows += _datasets(_manifest(one), _manifest(other))
    for name in sorted({*one.metrics, *other.metrics}):
        measured = [version.metrics.get(name) for version in (one, other)]
        rows.append((name, *map(_number, measured), _change(*measured)))
    return _aligned(rows)


def state_of(version: LoraVersion) -> str:
    """Return how a version stands, in words."""
    state = version.state.value
    if version.state is LoraState.CANARY:
        state = f"{state} {version.share:.0%}"
    return f"{state}, stale" if version.stale else state


def _datasets(one: Manifest | None, other: Manifest | None) -> Iterator[tuple[str, ...]]:
    if one is None or other is None:
        return
    ids = [{*manifest.train, *manifest.holdout} for manifest in (one, other)]
    yield "rows of both", str(len(ids[0] & ids[1])), "", ""
    yield "rows of one alone", str(len(ids[0] - ids[1])), str(len(ids[1] - ids[0])), ""
    here, there = _of_dataset(one), _of_dataset(other)
    for name in {**here, **there}:
        found = here.get(name, "-"), there.get(name, "-")
        if found[0] != found[1]:
            yield name, *found, ""


def _of_dataset(manifest: Manifest) -> Mapping[str, str]:
    left = {f"left out {reason.value}": str(n) for reason, n in manifest.left_out.items() if n}
    licences = {f"licence of {name}": words for name, words in manifest.licences.items()}
    counts = {"rows trained on": len(manifest.train), "rows held out": len(manifest.holdout)}
    return {name: str(number) for name, number in counts.items()} | left | licences


def _manifest(version: LoraVersion) -> Manifest | None:
    try:
        return manifest_from(version.manifest)
    except (ValueError, KeyError, TypeError):  # of another way to train than ours
        return None


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _change(one: float | None, other: float | None) -> str:
    return "" if one is None or other is None else f"{other - one:+.4g}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _pairs(facts: Mapping[str, str]) -> list[str]:
    return _aligned([(name, value) for name, value in facts.items()])


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
