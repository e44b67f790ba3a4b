"""Hosts that pretend to be a well-known one."""

from collections.abc import Mapping
from itertools import chain

from chatune_core.moderation.normalising_letters import folded
from chatune_core.moderation.rules.known_domains import BAIT, NOT_LOOKALIKES, SECOND_LEVELS

# What is hard to tell apart in an address bar, after look-alike letters have been folded.
_DRAWN_ALIKE = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("nn", "m"), ("ii", "u"))
_SAME = str.maketrans("013457!|l", "oieastiii")


def host_as_read(host: str) -> str:
    """Return `host` in small letters without look-alikes, its punycode labels decoded."""
    labels = []
    for label in host.lower().strip(".").split("."):
        if label.startswith("xn--") and len(label) <= 63:
            label = _unpunycoded(label)
        labels.append("".join(map(folded, label)).lower())
    return ".".join(labels)


def _unpunycoded(label: str) -> str:
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


class Lookalikes:
    """Knows which hosts belong to a well-known name, and which only look so."""

    def __init__(self, known: Mapping[str, str]) -> None:
        domains = set(chain.from_iterable(each.split() for each in known.values()))
        self._official = frozenset(domains)
        self._names = {_skeleton(name): name for name in known}
        self._by_first: dict[str, list[str]] = {}
        for skeleton in self._names:
            self._by_first.setdefault(skeleton[0], []).append(skeleton)

    def is_official(self, host: str) -> bool:
        """Whether `host` is a well-known domain or below one."""
        name = registrable(host)
        national = len(host.rpartition(".")[2]) == 2 and f"{name}.*" in self._official
        return national or any(each in self._official for each in parents(host))

    def pretended_by(self, host: str) -> str:
        """Return the name that `host` pretends to be; empty where none.

        `host` is as it was written; it pretends where a label is a name in look-alike letters, one
        slip away from it, or the name itself beside bait or under a suffix that is not its own.
        """
        read = host_as_read(host)
        if self.is_official(host.lower()):
            return ""
        if self.is_official(read):
            return registrable(read)
        labels = read.split(".")
        own = len(labels) - _suffix_length(labels) - 1
        for at, label in enumerate(labels[: own + 1]):
            if at < own and label in self._names.values():
                # "discord.example.org" is how communities name their own invitation.
                if ".".join(labels[at : at + 2]) in self._official:
                    return label
            elif name := self._pretended_by_label(label):
                return name
        return ""

    def _pretended_by_label(self, label: str) -> str:
        pieces = [piece for piece in label.split("-") if piece]
        whole = label.replace("-", "")
        if name := self._near(whole):
            return name
        for piece in pieces:
            if piece in self._names.values():
                if self._has_bait(pieces):
                    return piece
            elif name := self._near(piece):
                return name
        return self._with_bait(whole)

    def _has_bait(self, pieces: list[str]) -> bool:
        return any(piece in BAIT for piece in pieces)

    def _with_bait(self, label: str) -> str:
        """Return the name that stands beside bait without a hyphen: "discordnitro"."""
        skeleton = _skeleton(label)
        for known, name in self._names.items():
            if len(name) < 5 or known not in skeleton:
                continue
            before, _, after = skeleton.partition(known)
            rest = {before, after} - {""}
            if rest and all(each in _BAIT_SKELETONS for each in rest):
                return name
        return ""

    def _near(self, word: str) -> str:
        if word in NOT_LOOKALIKES or len(word) > 40:
            return ""
        for skeleton in (_skeleton(word), _skeleton(_redrawn(word))):
            if name := self._names.get(skeleton):
                return name
            for known in self._by_first.get(skeleton[:1], ()):
                if _is_slip(skeleton, known):
                    return self._names[known]
        return ""


def parents(host: str) -> list[str]:
    """Return `host` and the domains above it, the suffix left out."""
    labels = host.split(".")
    return [".".join(labels[at:]) for at in range(len(labels) - 1)][-8:]


def registrable(host: str) -> str:
    """Return the label of `host` that its owner registered: "example" of "a.example.co.uk"."""
    labels = host.split(".")
    return labels[max(0, len(labels) - _suffix_length(labels) - 1)]


def _suffix_length(labels: list[str]) -> int:
    two = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND_LEVELS
    return 2 if two else 1


def _redrawn(word: str) -> str:
    for drawn, letter in _DRAWN_ALIKE:
        word = word.replace(drawn, letter)
    return word


def _skeleton(word: str) -> str:
    return word.translate(_SAME)


_BAIT_SKELETONS = frozenset(map(_skeleton, BAIT))


def _is_slip(word: str, known: str) -> bool:
    """Whether `word` is `known` with one letter more, less, other or swapped.

    Names of five letters have too many neighbours among words: there only a swap counts.
    """
    if abs(len(word) - len(known)) > 1 or word[:1] != known[:1] or word == known:
        return False
    at = 0
    while at < min(len(word), len(known)) and word[at] == known[at]:
        at += 1
    swapped = word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :] == known[at:]
    if len(known) < 6:
        return swapped
    return (
        swapped
        or word[at + 1 :] == known[at + 1 :]
        or word[at:] == known[at + 1 :]
        or word[at + 1 :] == known[at:]
    )
