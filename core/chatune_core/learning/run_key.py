"""What decides the result of a run, as one digest: checkpoints of any other never meet it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from chatune_core.learning.recipe import Recipe
from chatune_core.learning.replay import replay_digest
from chatune_core.learning.rows import Dataset

_LAYOUT = 1
"""Part of a run's key; goes up when the loop or a checkpoint changes so that old ones do not fit."""
_READ = 1 << 20


def run_key(dataset: Dataset, base: Path, recipe: Recipe) -> str:
    """Return a digest of all that decides a run's result, in hex."""
    parts = {
        "layout": _LAYOUT,
        "rows": dataset.manifest.digest,
        "base": {
            file.name: _fingerprint(file)
            for file in sorted(base.iterdir())
            if file.suffix in (".json", ".safetensors", ".jinja")
        },
        "recipe": asdict(recipe),
        "replay": replay_digest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _fingerprint(file: Path) -> str:
    """Return a digest of the file's size, its first and its last megabyte: weights are large."""
    size = file.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with file.open("rb") as content:
        digest.update(content.read(_READ))
        content.seek(max(size - _READ, 0))
        digest.update(content.read())
    return digest.hexdigest()
