"""`chatune feedback stats | export`: what people think of answers, and what may be learned from it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import anyio
import typer

from chatune_bots.compose import open_stores
from chatune_bots.evidence import gathered_dataset, rules_from
from chatune_bots.home import Home
from chatune_bots.moderate import open_moderator
from chatune_bots.new_file import new_file
from chatune_bots.start import Start, start
from chatune_core.learning.dataset import missing
from chatune_core.learning.rows import Dataset, LeftOut, Row, Thumb


def run_stats(home: Home, folder: Path) -> None:
    """Print how much feedback there is, how many rows it makes, and why not more."""
    begun = start(home, folder, None)
    counted, dataset = anyio.run(_stats, begun)
    rules = rules_from(begun.settings.training)
    typer.echo("\n".join(_lines(counted, dataset, missing(dataset, rules))))


def run_export(home: Home, folder: Path, out: Path) -> None:
    """Write a line of JSON for each row that may be trained on to the new file `out`, mode 0600.

    The audit log says that it was done. What was left out is counted on standard output.

    Raises:
        InvalidInput: `out` exists.
    """
    begun = start(home, folder, None)
    with new_file(out) as file:
        dataset = anyio.run(_exported, begun)
        lines = list(_rows(dataset))
        file.writelines(f"{json.dumps(line)}\n" for line in lines)
    left = ", ".join(_reasons(dataset.manifest.left_out))
    typer.echo(f"Wrote {len(lines)} rows to {out}; left out {left or 'none'}.")


async def _stats(begun: Start) -> tuple[Mapping[str, int], Dataset]:
    async with (
        open_stores(begun.settings, begun.home) as stores,
        open_moderator(begun) as moderator,
    ):
        counted = await stores.evidence.counted()
        return counted, await gathered_dataset(stores.evidence, begun.settings, moderator)


async def _exported(begun: Start) -> Dataset:
    async with (
        open_stores(begun.settings, begun.home) as stores,
        open_moderator(begun) as moderator,
    ):
        dataset = await gathered_dataset(stores.evidence, begun.settings, moderator)
        details: dict[str, str | int] = {
            "rows": len(dataset.manifest.rows),
            "left_out": sum(dataset.manifest.left_out.values()),
            "permission": begun.settings.training.platform_training_permission,
            "digest": dataset.manifest.digest,
        }
        await stores.audit.append("operator", "feedback.export", "rows", details)
    return dataset


def _lines(counted: Mapping[str, int], dataset: Dataset, lacking: str) -> Iterator[str]:
    yield "Given: " + ", ".join(f"{count} {kind}" for kind, count in counted.items())
    halves = f"{len(dataset.train)} to train on, {len(dataset.holdout)} to judge by"
    yield f"May be learned from: {len(dataset.manifest.rows)} ({halves})"
    yield from (f"Left out: {reason}" for reason in _reasons(dataset.manifest.left_out))
    yield f"Training: {lacking or 'enough'}"


def _reasons(left_out: Mapping[LeftOut, int]) -> Iterator[str]:
    return (f"{left_out[reason]} {reason.value}" for reason in LeftOut if reason in left_out)


def _rows(dataset: Dataset) -> Iterator[Mapping[str, object]]:
    halves = (("train", dataset.train), ("holdout", dataset.holdout))
    return (_row(row, half) for half, rows in halves for row in rows)


def _row(row: Row, half: str) -> Mapping[str, object]:
    """Return the row as others may read it; who judged, and who is heard in it, is not theirs."""
    shared = {"id": row.id, "half": half, "at": row.at.isoformat()}
    prompt = [{"role": each.role, "content": each.content} for each in row.prompt]
    if isinstance(row, Thumb):
        return {**shared, "prompt": prompt, "completion": row.completion, "good": row.good}
    pair = {"chosen": row.chosen, "rejected": row.rejected, "origin": row.origin.value}
    return {**shared, "prompt": prompt, **pair}
