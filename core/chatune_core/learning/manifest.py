"""The record of what a dataset was made of: digests and counts, never a word of it. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from chatune_core.learning.rows import LeftOut, Manifest, Row, RowId, Thumb


def manifest_of(
    train: Sequence[Row],
    holdout: Sequence[Row],
    left_out: Mapping[LeftOut, int],
    licences: Mapping[str, str],
    made_at: datetime,
) -> Manifest:
    """Return the manifest of these halves. Its digest does not depend on when it was made."""
    halves = tuple(row.id for row in train), tuple(row.id for row in holdout)
    rows = {row.id: row_digest(row) for row in (*train, *holdout)}
    counted = {reason: left_out[reason] for reason in LeftOut if left_out.get(reason)}
    digest = _sha256([*halves, rows, dict(licences)])
    return Manifest(made_at, *halves, rows, counted, dict(licences), digest)


def row_digest(row: Row) -> str:
    """Return the sha256 over all that is learned from the row, in hex."""
    prompt = [[message.role, message.content] for message in row.prompt]
    said = [row.completion, row.good] if isinstance(row, Thumb) else [row.chosen, row.rejected]
    return _sha256([row.id, prompt, *said, row.at.isoformat()])


def manifest_text(manifest: Manifest) -> str:
    """Return the manifest as JSON, to be kept with a model."""
    return json.dumps(
        {
            "made_at": manifest.made_at.isoformat(),
            "digest": manifest.digest,
            "licences": dict(manifest.licences),
            "left_out": {reason.name: count for reason, count in manifest.left_out.items()},
            "train": manifest.train,
            "holdout": manifest.holdout,
            "rows": dict(manifest.rows),
        }
    )


def manifest_from(text: str) -> Manifest:
    """Return the manifest that `manifest_text` wrote."""
    read = json.loads(text)
    return Manifest(
        made_at=datetime.fromisoformat(read["made_at"]),
        train=tuple(map(RowId, read["train"])),
        holdout=tuple(map(RowId, read["holdout"])),
        rows={RowId(row): digest for row, digest in read["rows"].items()},
        left_out={LeftOut[name]: count for name, count in read["left_out"].items()},
        licences=read["licences"],
        digest=read["digest"],
    )


def _sha256(content: object) -> str:
    # Escaped, so that even half a character has bytes.
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()
