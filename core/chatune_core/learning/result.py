"""The folder of a finished LoRA: it appears whole or not at all, and can be read back."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from chatune_core.errors import TrainingFailed
from chatune_core.learning.curves import Curve, curves_svg
from chatune_core.learning.recipe import Trained

_REPORT = "training.json"
PICTURE = "curves.svg"
_SHOWN = {
    "loss": "Loss",
    "accuracy": "Rows on the right side (share)",
    "margin": "Reward of good answers less that of bad ones (nats)",
    "kl": "Distance from the base on general text (nats a token)",
}


def write_result(
    out: Path,
    key: str,
    metrics: Mapping[str, float],
    curves: Mapping[str, Sequence[float]],
    ended_early: str | None,
    save: Callable[[Path], str],
) -> Trained:
    """Write the LoRA with its metrics and curves to `out` and return it.

    Args:
        out: must not exist.
        key: of the run; see `run_key`.
        metrics: by name.
        curves: by name, a value for each step.
        ended_early: why there were fewer steps than planned.
        save: writes the LoRA to the folder that it is given and returns the sha256 of its weights.

    Raises:
        TrainingFailed: if it cannot be written; nothing is left of it then.
    """
    unfinished: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f"{out.name}.tmp-", dir=out.parent))
        trained = Trained(
            out,
            save(unfinished),
            dict(metrics),
            {n: tuple(c) for n, c in curves.items()},
            ended_early,
        )
        picture = curves_svg(shown_curves(trained.curves))
        (unfinished / PICTURE).write_text(picture, encoding="utf-8")
        report = {"key": key} | {n: v for n, v in asdict(trained).items() if n != "folder"}
        (unfinished / _REPORT).write_text(json.dumps(_plain(report), indent=1), encoding="utf-8")
        unfinished.rename(out)
    except OSError as error:
        raise TrainingFailed(
            f"the LoRA cannot be written to {str(out)!r}: {error.strerror or error}. Make room there"
            " and start training again: it goes on from its last checkpoint."
        ) from error
    finally:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)
    return trained


def read_result(out: Path, key: str | None = None) -> Trained | None:
    """Return the LoRA that a run wrote to `out`, or None if there is none.

    Raises:
        TrainingFailed: if `out` holds something else, or that of a run with another key.
    """
    if not out.exists():
        return None
    try:
        report = json.loads((out / _REPORT).read_text(encoding="utf-8"))
        if key is not None and report["key"] != key:
            raise ValueError("of another run")
        return Trained(
            folder=out,
            sha256=report["sha256"],
            metrics={name: _number(value) for name, value in report["metrics"].items()},
            curves={n: tuple(_number(v) for v in values) for n, values in report["curves"].items()},
            ended_early=report["ended_early"],
        )
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise TrainingFailed(
            f"{str(out)!r} is there already and is not what this run would write. Remove it or"
            " give another folder."
        ) from error


def shown_curves(curves: Mapping[str, Sequence[float]]) -> list[Curve]:
    """Return those of a run's curves that people are shown, with their titles."""
    return [Curve(title, curves[name]) for name, title in _SHOWN.items() if name in curves]


def _plain(value: object) -> object:
    """Return the value for JSON, which knows no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
