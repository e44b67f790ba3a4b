"""Links: where they really lead, and whether people should follow them."""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chatune_core.moderation.normalising import Normalised
from chatune_core.moderation.normalising_edits import Edit, Reading, edited
from chatune_core.moderation.rules.known_domains import (
    BARE_SUFFIXES,
    INVITES,
    KNOWN_DOMAINS,
    SHORTENERS,
    TRACKERS,
)
from chatune_core.moderation.rules.lookalikes import Lookalikes, host_as_read, parents
from chatune_core.moderation.rules.rule import finding
from chatune_core.moderation.verdicts import Category, Finding

_LINK = re.compile(
    r"(?<![\w@.\-])(?:(?P<scheme>h(?:tt|xx)ps?|ftp|steam|tg)://)"
    r"(?P<authority>[^\s/?#<>\"'()\[\]{}|\\]{1,300})(?P<rest>[^\s<>\"'()\[\]{}|\\]{0,2000})",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"(?<![\w@.\-/:])(?:[\w][\w\-]{0,62}\.){1,8}(?P<suffix>[^\W\d_]{2,18})"
    r"(?![\w\-@]|\.\w)(?::\d{1,5})?(?P<rest>[/?#][^\s<>\"'()\[\]{}|\\]{0,2000})?",
)
_SPELLED_DOT = re.compile(r"(?<=\w)\s?[\[({]\s?(?:\.|dot)\s?[\])}]\s?(?=\w)", re.IGNORECASE)
_INVITE = re.compile(rf"(?:www\.)?(?:{'|'.join(INVITES)})", re.IGNORECASE)
_PORT = re.compile(r":\d{0,5}\Z")
_AFTER_LINK = ".,;:!?*_~\u201d\u2019"
_NUMERIC = re.compile(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+)){0,3}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link in a reading; `host` is in small letters, `written` is the host of the original."""

    start: int
    end: int
    host: str
    written: str
    path: str
    user_info: str


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """What an operator says about links; domains include what is below them.

    `allow` beats everything but `deny`. With `only_allowed` every other link is found. A score of
    0 switches its kind off.
    """

    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    only_allowed: bool = False
    lookalike_score: float = 0.95
    disguised_score: float = 0.9
    invite_score: float = 0.5
    tracker_score: float = 0.9
    shortener_score: float = 0.3


class Links:
    """Finds links that an operator denies, that pretend, hide, invite or track."""

    def __init__(self, policy: LinkPolicy) -> None:
        self._policy = policy
        self._lookalikes = Lookalikes(KNOWN_DOMAINS)

    def find(self, text: Normalised) -> list[Finding]:
        """See Rule.find."""
        reading = edited(text.plain, _spelled_dots(text.plain.text))
        places: dict[tuple[str, float], list[tuple[int, int]]] = {}
        for link in links(reading, text.original):
            for kind in self._kinds(link):
                places.setdefault(kind, []).append((link.start, link.end))
        return [
            each
            for (rule, score), where in places.items()
            for each in finding(Category.SPAM, score, rule, reading, where)
        ]

    def _kinds(self, link: Link) -> Iterator[tuple[str, float]]:
        """Return the rules that `link` breaks, each with its score."""
        policy, domains = (
            self._policy,
            set(parents(link.host)) | set(parents(host_as_read(link.host))),
        )
        if domains & policy.deny:
            yield "link.denied", 1.0
            return
        if set(parents(link.host)) & policy.allow:
            return
        if policy.only_allowed:
            yield "link.not_allowed", 1.0
        for rule, score, broken in (
            ("link.lookalike", policy.lookalike_score, self._pretends(link)),
            ("link.disguised", policy.disguised_score, _is_disguised(link)),
            ("link.invite", policy.invite_score, _INVITE.match(link.host + link.path)),
            ("link.tracker", policy.tracker_score, domains & TRACKERS),
            ("link.shortener", policy.shortener_score, domains & SHORTENERS),
        ):
            if score and broken:
                yield rule, score

    def _pretends(self, link: Link) -> bool:
        return bool(
            self._lookalikes.pretended_by(link.host)
            or self._lookalikes.pretended_by(unicodedata.normalize("NFKC", link.written).lower())
        )


def links(reading: Reading, original: str) -> Iterator[Link]:
    """Return the links of a reading of `original`, those with a scheme first."""
    covered = bytearray(len(reading.text) + 1)
    for found in _LINK.finditer(reading.text):
        user_info, _, host = found["authority"].rpartition("@")
        start = found.end("authority") - len(host)
        covered[found.start() : found.end()] = b"\1" * len(found[0])
        if host := _PORT.sub("", host).rstrip("."):
            yield _link(reading, original, found, host, start, user_info)
    for found in _BARE.finditer(reading.text):
        if found["suffix"].lower() in BARE_SUFFIXES and not covered[found.start()]:
            host = found[0][: found.end("suffix") - found.start()]
            yield _link(reading, original, found, host, found.start(), "")


def _link(
    reading: Reading, original: str, found: re.Match[str], host: str, host_at: int, user_info: str
) -> Link:
    start, end = reading.place(host_at, host_at + len(host))
    written = "".join(filter(_is_shown, original[start:end]))
    rest = (found["rest"] or "").rstrip(_AFTER_LINK)
    shown_end = found.start() + len(found[0].rstrip(_AFTER_LINK))
    return Link(found.start(), shown_end, host.lower(), written, rest, user_info)


def _is_shown(character: str) -> bool:
    return character in ".-" or character.isalnum()


def _spelled_dots(text: str) -> Iterable[Edit]:
    """Read "example[.]com" and "example (dot) com" as links."""
    for found in _SPELLED_DOT.finditer(text):
        yield found.start(), found.end(), "."


def _is_disguised(link: Link) -> bool:
    """Whether the link shows one host and leads to another, or shows a number for a host."""
    if link.user_info and "." in link.user_info:
        return True
    if _NUMERIC.fullmatch(link.host) is None:
        return False
    try:
        ipaddress.ip_address(link.host)
    except ValueError:
        return True
    return False
