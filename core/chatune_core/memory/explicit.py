"""What people ask of the memory in plain words: to remember something, or to forget it. Pure."""

import re
from dataclasses import dataclass

LONGEST_REQUEST = 500
"""Characters of what is to be remembered; a memory is a sentence, not a document."""
_POLITE = r"(?:(?:please|hey|ok|okay|also|and|oh)[, ]+|(?:can|could|will|would) you (?:please )?)*"
_REMEMBER = re.compile(
    rf"^{_POLITE}(?:remember|note|memori[sz]e|keep in mind|don't forget|do not forget|make a note|"
    r"bear in mind|take note)(?: down)?(?: please)?(?: (?:that|of|the fact that)\b|\s*:|,)\s*(?P<what>.+)",
    re.IGNORECASE | re.DOTALL,
)
# Without "that": only where the person speaks of themselves, for "remember the Alamo" asks for nothing.
_REMEMBER_ME = re.compile(
    rf"^{_POLITE}(?:remember|keep in mind|don't forget|do not forget|note)(?: to)? (?P<what>(?:i|i'm|i've|my|me|call me|address me)\b.+)",
    re.IGNORECASE | re.DOTALL,
)
_FROM_NOW_ON = re.compile(
    rf"^{_POLITE}(?:from (?:now|today|here) on|going forward|in (?:the )?future|by default)[, ]+(?P<what>.+)",
    re.IGNORECASE | re.DOTALL,
)
_EVERYTHING = re.compile(
    rf"^{_POLITE}forget (?:everything|all)(?: (?:that )?you (?:know|remember|have)(?: stored)?)?(?: about me)?[.! ]*$",
    re.IGNORECASE,
)
_FORGET = re.compile(
    rf"^{_POLITE}(?:forget|stop remembering|don't remember|do not remember|delete|remove)(?: from (?:your )?memory)?"
    r"(?: (?:that|about|what (?:i|you) (?:said|know|remember|told you)(?: about)?))? "
    r"(?P<what>(?:my|i|i'm|that i|me)\b.{2,}|(?<=about ).{3,})",
    re.IGNORECASE | re.DOTALL,
)
_ABOUT = re.compile(rf"^{_POLITE}forget (?:about|what (?:i|you) (?:said|know|remember|told you) about) (?P<what>.{{3,}})", re.IGNORECASE | re.DOTALL)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RememberThis:
    """Remember `what`, a sentence in the person's words; `lasting` says how answers should be."""

    what: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class ForgetThis:
    """Forget what is remembered about `what`, in the person's words."""

    what: str


@dataclass(frozen=True, slots=True)
class ForgetEverything:
    """Forget all that is remembered of the person."""


Request = RememberThis | ForgetThis | ForgetEverything


def request_in(message: str) -> Request | None:
    """Return what the message asks of the memory; None if it asks for nothing of the kind.

    Only a request at its beginning counts, and a question ("do you remember that ...?") is none.
    """
    said = " ".join(message.replace("’", "'").split()[:200])  # noqa: RUF001 - typographic
    if len(said) < 8 or (said.endswith("?") and not said.lower().startswith(("can", "could", "will", "would"))):  # fmt: skip
        return None
    if _EVERYTHING.match(said):
        return ForgetEverything()
    found = _ABOUT.match(said) or _FORGET.match(said)
    if found is not None:
        return ForgetThis(_trimmed(found["what"]))
    found = _FROM_NOW_ON.match(said)
    if found is not None:
        return RememberThis(_trimmed(found["what"]), lasting=True)
    found = _REMEMBER.match(said) or _REMEMBER_ME.match(said)
    return RememberThis(_trimmed(found["what"])) if found is not None else None


def _trimmed(what: str) -> str:
    plain = what.strip(" .!?\"'")
    if len(plain) > LONGEST_REQUEST:
        plain = plain[:LONGEST_REQUEST].rpartition(" ")[0] + " …"
    return plain
