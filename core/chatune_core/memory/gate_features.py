"""What the write gate looks at in a message: its words and shape, as places in a table. Pure.

Words are kept as hashes only, so the weights that were learned hold no text.
"""

import re
from itertools import pairwise
from zlib import crc32

BUCKETS = 1 << 16
MOST_CHARACTERS = 1_000
"""Of a message; what matters is said by then, and the gate's time stays bounded."""

_ASIDE = re.compile(r"\[[^\[\]]*\]?")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[?!]")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")

_OWN = "i'"
_MINE = frozenset({"my", "me", "mine", "we", "our", "us"})


def gate_features(text: str) -> set[int]:
    """Return the places, 0 to `BUCKETS` - 1, of what is in `text`: never none.

    They are its words and pairs of words, how its sentences begin and end, and how much of it
    speaks of the person, speaks to another, asks, and tells.
    """
    readable = _ASIDE.sub(" ", text[:MOST_CHARACTERS].replace("\u2019", "'"))
    words = ["#" if word.isdigit() else word for word in _WORD.findall(readable.lower())]
    features = {*words, *map(" ".join, pairwise(words))}
    features.update(f"{word}$" for word in words[-2:])
    told = asked = told_words = 0
    for sentence in _SENTENCE.findall(readable.lower()):
        begins = _WORD.findall(sentence[:60])
        if not begins:
            continue
        features.add("^" + " ".join(begins[:2]))
        if sentence.endswith("?"):
            asked += 1
        else:
            told += 1
            told_words += sentence.count(" ") + 1
    features.update(f"^{word}" for word in words[:2])
    features.update(
        (
            f"asks {min(asked, 3)}",
            f"tells {min(told, 6)}",
            f"words told {told_words.bit_length()}",
            f"words {len(words).bit_length()}",
            f"I {min(sum(word == 'i' or word.startswith(_OWN) for word in words), 5)}",
            f"my {min(sum(word in _MINE for word in words), 3)}",
            f"you {min(sum(word.startswith('you') for word in words), 4)}",
        )
    )
    if len(readable) != len(text[:MOST_CHARACTERS]):
        features.add("aside")
    return {crc32(feature.encode(errors="replace")) % BUCKETS for feature in features}
