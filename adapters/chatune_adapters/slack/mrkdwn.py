"""Markdown to Slack's mrkdwn, and what people wrote in Slack to plain text. Pure."""

import re
from collections.abc import Mapping

_CODE = re.compile(r"(```.*?(?:```|\Z)|``[^\n]+?``|`[^`\n]+`)", re.DOTALL)
_FENCE = re.compile(r"```[ \t]*[\w+#.-]*[ \t]*\n")
_HEADING = re.compile(r"^[ ]{0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_BULLET = re.compile(r"^([ \t]*)[-*+][ \t]+(?=\S)", re.MULTILINE)
_RULE = re.compile(
    r"^[ ]{0,3}(?:-[ ]*){3,}$|^[ ]{0,3}(?:\*[ ]*){3,}$|^[ ]{0,3}(?:_[ ]*){3,}$", re.MULTILINE
)
_LINK = re.compile(r"!?\[([^\[\]\n]+)\]\((https?://[^\s()<>|]+(?:\([^\s()<>|]*\)[^\s()<>|]*)?)\)")
_AUTOLINK = re.compile(r"&lt;(https?://[^\s<>|&]+(?:&amp;[^\s<>|&]+)*)&gt;")
_QUOTE = re.compile(r"^&gt;", re.MULTILINE)
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*|(?<!\w)__(?=\S)(.+?)(?<=\S)__(?!\w)")
_ITALIC = re.compile(r"(?<![\w*\x01])\*(?=[^\s*\x01])([^*\n]+?)(?<=[^\s*\x01])\*(?![\w*\x01])")
_STRIKE = re.compile(r"~~(?=\S)(.+?)(?<=\S)~~")
_TABLE = re.compile(r"^[ ]*\|?[ ]*:?-{2,}:?[ ]*(?:\|[ ]*:?-{2,}:?[ ]*)+\|?[ ]*$", re.MULTILINE)
_BOLD_MARK = "\x01"  # a bold mark that later steps must not take for italics; never in texts
_MENTION = re.compile("<(?=[@!#])")
_ANGLED = re.compile(r"<([^<>]+)>")


def escaped(text: str) -> str:
    """Return `text` with the three characters replaced that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """Return what `escaped` was given."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def harmless(markdown: str) -> str:
    """Return markdown for Slack's own reader in which nothing mentions or notifies anybody.

    What a text begins with stays what its beginning becomes, so a text may be handed over in pieces.
    """
    return _MENTION.sub("<\u2060", markdown)


def has_table(text: str) -> bool:
    """Return whether `text` has a table, which mrkdwn cannot show and a markdown block can."""
    return "|" in text and _TABLE.search(text) is not None


def to_mrkdwn(text: str) -> str:
    """Return markdown as Slack's mrkdwn: nothing in it mentions or notifies anybody.

    Code is kept as it stands but for the escapes. Headings become bold, lists get bullets; what
    has no counterpart stays readable text.
    """
    if text.isalnum():
        return text
    text = text.replace(_BOLD_MARK, "")
    pieces = _CODE.split(text)
    for index, piece in enumerate(pieces):
        pieces[index] = _code(piece) if index % 2 else _prose(piece)
    return "".join(pieces)


def _code(code: str) -> str:
    if code.startswith("```"):
        return escaped(_FENCE.sub("```\n", code, count=1))
    if code.startswith("``"):
        return escaped(f"`{code.strip('`').strip()}`") if code.strip("` ") else escaped(code)
    return escaped(code)


def _prose(text: str) -> str:
    text = escaped(text)
    text = _QUOTE.sub(">", text)
    text = _RULE.sub("———", text)
    text = _HEADING.sub(_heading, text)
    text = _BULLET.sub(r"\1• ", text)
    text = _LINK.sub(_link, text)
    text = _AUTOLINK.sub(r"<\1>", text)
    text = _BOLD.sub(_bold, text)
    text = _ITALIC.sub(r"_\1_", text)
    text = _STRIKE.sub(r"~\1~", text)
    return text.replace(_BOLD_MARK, "*")


def _heading(found: re.Match[str]) -> str:
    title = found[1].replace("**", "").replace("__", "")
    return f"{_BOLD_MARK}{title}{_BOLD_MARK}"


def _bold(found: re.Match[str]) -> str:
    return f"{_BOLD_MARK}{found[1] or found[2]}{_BOLD_MARK}"


def _link(found: re.Match[str]) -> str:
    return f"<{found[2]}|{found[1].replace('|', '/')}>"


def mentioned(text: str) -> list[str]:
    """Return the users that a text from Slack mentions, in order."""
    return re.findall(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>", text)


def to_plain(text: str, names: Mapping[str, str], bot: str) -> str:
    """Return what a person wrote in Slack as plain text.

    Args:
        text: as Slack delivers it.
        names: of users by id; others are shown by their id.
        bot: the user id of the bot; mentions of it are taken out.
    """
    if "<" in text:
        text = _ANGLED.sub(lambda found: _angled(found[1], names, bot), text)
    text = text.strip()
    return unescaped(text) if "&" in text else text


def _angled(inner: str, names: Mapping[str, str], bot: str) -> str:
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        if target[1:] == bot:
            return ""
        return f"@{escaped(names.get(target[1:]) or label or target[1:])}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return label or f"@{target[1:].partition('^')[0]}"
    plain = target.removeprefix("mailto:").removeprefix("tel:")
    if not label or label in (target, plain) or target.endswith(f"//{label}"):
        return plain
    return f"[{label}]({target})"
