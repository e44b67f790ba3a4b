"""A reply as the messages that it takes on Discord."""

from dataclasses import dataclass, replace

from chatune_adapters.healing import healed
from chatune_adapters.splitting import split
from chatune_core.messages import Button, File, Reply

CONTENT_CHARS = 2000
_PREVIEW_CHARS = 1900
_FILES = 10


@dataclass(frozen=True, slots=True)
class Part:
    """One message of a reply."""

    text: str
    buttons: tuple[Button, ...] = ()
    files: tuple[File, ...] = ()


def parts_of(reply: Reply) -> list[Part]:
    """Return the messages that the reply takes: buttons and files with the last.

    Of one that takes the place of a message, the buttons stay with that.
    """
    texts = split(reply.text, CONTENT_CHARS) or [""]
    packs = [reply.files[at : at + _FILES] for at in range(0, len(reply.files), _FILES)] or [()]
    if not texts[-1] and not packs[0]:
        texts = ["(There is nothing to say.)"]
    parts = [Part(text) for text in texts[:-1]]
    parts.append(Part(texts[-1], (), packs[0]))
    parts += [Part("", (), pack) for pack in packs[1:]]
    held_by = 0 if reply.replaces is not None else -1
    parts[held_by] = replace(parts[held_by], buttons=reply.buttons)
    return parts


def without_files(part: Part) -> Part:
    """Return the part with a line in place of files that Discord does not take."""
    names = ", ".join(file.name for file in part.files)[:200]
    line = f"(Too large for Discord: {names})"
    return Part(f"{part.text[: CONTENT_CHARS - len(line) - 1]}\n{line}".strip(), part.buttons)


def unfinished(text: str) -> str:
    """Return the end of an unfinished text, as much as a message shows."""
    text = text.strip()
    if len(text) > _PREVIEW_CHARS:
        text = "…\n" + split(text, _PREVIEW_CHARS)[-1]
    return healed(text)[:CONTENT_CHARS]
