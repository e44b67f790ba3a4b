"""What is remembered of a person, as a file for them. Pure."""

import json
from collections.abc import Sequence

from chatune_core.messages import File
from chatune_core.privacy import PersonalRecord

EXPORTED = ("memories", "memory_preferences", "links", "consents")
"""The stores that memory keeps; `chatune data export` has the others too."""


def exported(records: Sequence[PersonalRecord]) -> File:
    """Return the records of memory as a JSON file, by store."""
    content = {
        store: [record.record for record in records if record.store == store] for store in EXPORTED
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    return File("memory.json", f"{text}\n".encode(), "application/json")
