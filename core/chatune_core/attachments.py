"""What people attach, as text for the model; files are data and say so."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from chatune_core.errors import InvalidInput, RetryLater
from chatune_core.framing import framed
from chatune_core.messages import Attachment
from chatune_core.moderation.verdicts import Level, Verdict
from chatune_core.ports import Files
from chatune_core.text import clean

LARGEST_TEXT = 64 * 1024
"""Bytes of a file that the model reads; more would not fit its context anyway."""
MOST_FILES = 4
_ATTEMPTS = 3
_LONGEST_WAIT = 2.0  # seconds between two of them
_TEXTS = frozenset(
    {
        "application/json", "application/toml", "application/xml", "application/x-sh",
        "application/x-yaml", "application/yaml", "application/javascript", "application/sql",
    }
)  # fmt: skip
_ENDINGS = (
    ".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".toml", ".yaml", ".yml", ".xml", ".html",
    ".log", ".ini", ".cfg", ".py", ".js", ".ts", ".java", ".c", ".h", ".cpp", ".cs", ".go", ".rs",
    ".rb", ".php", ".sh", ".sql", ".css", ".kt", ".swift", ".tex",
)  # fmt: skip


Check = Callable[[str], Awaitable[Verdict | None]]


@dataclass(frozen=True, slots=True)
class Attached:
    """`prompt` is what the model is given of the files, `notice` what the person is told.

    `verdicts` are those on files that somebody may want to know of.
    """

    prompt: str = ""
    notice: str = ""
    verdicts: tuple[Verdict, ...] = ()


async def read_texts(
    attachments: Sequence[Attachment], files: Files | None, check: Check
) -> Attached:
    """Return the text files among `attachments`, framed as data, and a line on what was not read.

    A platform that cannot hand one out is asked a few times; then that one was not read either,
    for a lost file must not hold up a conversation. One on which `check` acts is left out.

    Raises:
        RetryLater: `check` cannot judge now.
    """
    read: list[str] = []
    unread: list[str] = []
    left_out: list[str] = []
    verdicts: list[Verdict] = []
    for attachment in attachments:
        text = None
        if files is not None and len(read) < MOST_FILES and _is_text(attachment):
            text = await _text_of(attachment, files)
        name = attachment.name[:80]
        if text is None:
            unread.append(name)
            continue
        verdict = await check(text)
        if verdict is not None and verdict.level is not Level.ALLOW:
            verdicts.append(verdict)
        if verdict is not None and verdict.acts:
            left_out.append(name)
        else:
            read.append(framed(f"Attached file {name!r}", text))
    return Attached("\n\n".join(read), _notice(unread, left_out), tuple(verdicts))


def _notice(unread: Sequence[str], left_out: Sequence[str]) -> str:
    lines = []
    if unread:
        lines.append(
            f"(I read text files of up to {LARGEST_TEXT // 1024} kB, {MOST_FILES} at a time; "
            f"not read: {', '.join(unread)}.)"
        )
    if left_out:
        lines.append(f"(Left out, because of what is in it: {', '.join(left_out)}.)")
    return "\n".join(lines)


def _is_text(attachment: Attachment) -> bool:
    kind = attachment.media_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXTS or attachment.name.lower().endswith(_ENDINGS)


async def _text_of(attachment: Attachment, files: Files) -> str | None:
    if attachment.size_bytes > LARGEST_TEXT:
        return None
    try:
        content = await fetched(attachment, files, LARGEST_TEXT)
    except (InvalidInput, RetryLater):
        return None
    return None if b"\0" in content else clean(content.decode("utf-8-sig", "replace"))


async def fetched(attachment: Attachment, files: Files, limit_bytes: int) -> bytes:
    """Return the whole file; a platform that cannot hand it out is asked a few times.

    Raises:
        InvalidInput, RetryLater: see Files.read.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return await files.read(attachment, limit_bytes)
        except RetryLater as error:
            await anyio.sleep(min(error.after.total_seconds(), _LONGEST_WAIT))
    return await files.read(attachment, limit_bytes)
