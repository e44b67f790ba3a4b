"""What is found in one picture: explicit content, an unwanted picture, or why it was refused."""

import time
from typing import TYPE_CHECKING, Protocol

from chatune_core.moderation.images.frames import Clock, views_of
from chatune_core.moderation.images.hashing import DenyList, hash_of
from chatune_core.moderation.images.limits import ImageLimits, Refusal
from chatune_core.moderation.policy import Thresholds
from chatune_core.moderation.verdicts import SURE, Category, Finding

if TYPE_CHECKING:
    from PIL import Image

ADVISED = Thresholds(review=0.2, act=0.8)
"""For `Category.SEXUAL` of pictures, wherever sexual content is not allowed."""
REFUSED_SCORE = 0.5
"""A picture that nobody could look at goes to a person by the advised thresholds."""


class PictureScores(Protocol):
    """Scores explicit content from 0 to 1; blocking. `ImageClassifier` is one."""

    def score(self, picture: "Image.Image") -> float:
        """Return the score of an RGB picture of 256 x 256 pixels."""
        ...


class ImageRule:
    """Judges one picture at a time; blocking, and safe to share between threads."""

    def __init__(
        self,
        classifier: PictureScores | None,
        denied: DenyList | None = None,
        limits: ImageLimits | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """Look at pictures with `classifier`, if any, and for those that are `denied`, if any."""
        self._classifier, self._denied = classifier, denied
        self._limits, self._clock = limits or ImageLimits(), clock

    def find(self, data: bytes) -> list[Finding]:
        """Return what was found in the bytes of a picture; never an error, whatever they are.

        The rules are "image:explicit" with the highest score of all frames, however low;
        "image:denied", which is sure; and "image:refused:" with a `Refusal`, which may come
        beside the others when only a part could be looked at.
        """
        scores: list[float] = []
        denied: set[Category] = set()
        refused: list[Finding] = []
        for view in views_of(data, self._limits, self._clock):
            if isinstance(view, Refusal):
                rule = f"image:refused:{view.value}"
                refused.append(Finding(Category.SEXUAL, REFUSED_SCORE, rule))
                break
            if self._classifier is not None:
                scores.append(self._classifier.score(view))
            category = self._denied.match(view) if self._denied is not None else None
            if category is not None:
                denied.add(category)
        found = [
            Finding(category, SURE, "image:denied") for category in Category if category in denied
        ]
        if scores:
            found.append(Finding(Category.SEXUAL, max(scores), "image:explicit", by_model=True))
        return found + refused


def entries_for(data: bytes, limits: ImageLimits | None = None) -> list[str]:
    """Return the lines that put a picture on a deny-list.

    One is usual, several for an animation; none where it cannot be decoded or has no hash.
    """
    views = views_of(data, limits or ImageLimits(), time.monotonic)
    hashes = {hash_of(view): None for view in views if not isinstance(view, Refusal)}
    return [f"{value:016x}" for value in hashes if value]
