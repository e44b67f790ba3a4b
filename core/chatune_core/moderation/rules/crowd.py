"""What only shows over several messages: floods and repetitions."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Generic, TypeVar

from chatune_core.messages import ConversationId, MessageKey, UserId
from chatune_core.moderation.normalising import Normalised
from chatune_core.moderation.verdicts import SURE, Category, Finding

COUNTED = "crowd."
"""How the rules are called that count messages instead of reading them."""
_SHORTEST = 12
"""Characters below which a repetition says nothing: people say "ok" and "thanks" often."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as the counters see it; `at` is when it was sent.

    `message` is what counts once, however often it is seen: delivered again, or edited.
    """

    message: MessageKey
    user: UserId
    channel: ConversationId
    at: datetime
    text: Normalised


@dataclass(frozen=True, slots=True)
class CrowdLimits:
    """How much is too much. All times are windows that end with the message in hand."""

    messages: int = 8
    """In one channel by one person within `flood_for`; one more is a flood."""
    flood_for: timedelta = timedelta(seconds=10)
    copies: int = 3
    """Of one text by one person within `copies_for`, in any channel; the last one counts."""
    crowd_copies: int = 6
    """Of one text by several people in one channel within `copies_for`: a raid."""
    copies_for: timedelta = timedelta(minutes=5)
    kept: int = 10_000
    """People, and channels, that are remembered; the longest silent is forgotten first."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Recent(Generic[K, V]):
    """Values by key within a window of time, at most `each` a key and `keys` keys."""

    def __init__(self, window: timedelta, each: int, keys: int) -> None:
        self._window, self._each, self._keys = window, each, keys
        self._values: OrderedDict[K, deque[tuple[datetime, MessageKey, V]]] = OrderedDict()

    def add(self, key: K, seen: Seen, value: V) -> list[V]:
        """Remember `value` and return those of its key that the window still holds, it included.

        It takes the place of what was remembered of the same message.
        """
        values = self._values.setdefault(key, deque(maxlen=self._each))
        self._values.move_to_end(key)
        if len(self._values) > self._keys:
            self._values.popitem(last=False)
        for earlier in values:
            if earlier[1] == seen.message:
                values.remove(earlier)
                break
        at = seen.at
        values.append((at, seen.message, value))
        while values[0][0] <= at - self._window:
            values.popleft()
        return [each for sent, _, each in values if at - self._window < sent <= at]


class Crowd:
    """Counts messages by person and channel in bounded memory; no text is kept, only hashes."""

    def __init__(self, limits: CrowdLimits) -> None:
        self._limits = limits
        most = 4 * max(limits.copies, limits.crowd_copies)
        self._sent: _Recent[tuple[UserId, ConversationId], None] = _Recent(
            limits.flood_for, limits.messages + 1, limits.kept
        )
        self._said: _Recent[UserId, int] = _Recent(limits.copies_for, most, limits.kept)
        self._heard: _Recent[ConversationId, tuple[UserId, int]] = _Recent(
            limits.copies_for, 4 * most, limits.kept
        )

    def see(self, message: Seen) -> list[Finding]:
        """Count `message` and return what it was one too many of.

        Messages may arrive out of order, and again; each is judged by its own time.
        """
        limits, findings = self._limits, []
        sent = self._sent.add((message.user, message.channel), message, None)
        if len(sent) > limits.messages:
            findings.append(_counted("flood"))
        if len(message.text.text) < _SHORTEST:
            return findings
        print_ = simhash(message.text.text)
        said = self._said.add(message.user, message, print_)
        if sum(are_alike(print_, each) for each in said) >= limits.copies:
            findings.append(_counted("repetition"))
        heard = self._heard.add(message.channel, message, (message.user, print_))
        people = {user for user, each in heard if are_alike(print_, each)}
        if len(people) >= limits.crowd_copies:
            findings.append(_counted("raid"))
        return findings


def _counted(what: str) -> Finding:
    """Return a finding that is sure: it was counted, not guessed."""
    return Finding(Category.SPAM, SURE, f"{COUNTED}{what}")


def simhash(text: str) -> int:
    """Return 64 bits that differ in few places where texts differ in few words.

    Features are overlapping runs of four letters or digits of the first 4,000.

    Source: Charikar 2002, "Similarity estimation techniques from rounding algorithms".
    """
    letters = "".join(filter(str.isalnum, text[:4000]))
    grams = {letters[at : at + 4] for at in range(max(1, len(letters) - 3))}
    counts = [0] * 64
    for gram in grams:
        bits = int.from_bytes(blake2b(gram.encode(errors="replace"), digest_size=8).digest(), "big")
        for at in range(64):
            counts[at] += 1 if bits >> at & 1 else -1
    return sum(1 << at for at, count in enumerate(counts) if count > 0)


def are_alike(one: int, other: int) -> bool:
    """Whether two prints are of texts that a reader would call the same."""
    return (one ^ other).bit_count() <= 6
