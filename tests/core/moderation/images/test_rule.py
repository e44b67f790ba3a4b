"""What is found in a picture that can be looked at."""

import pytest
from PIL import Image

from chatune_core.messages import ConversationId
from chatune_core.moderation.images.classifier import ImageClassifier
from chatune_core.moderation.images.hashing import DenyList, hash_of
from chatune_core.moderation.images.rule import ADVISED, ImageRule, PictureScores
from chatune_core.moderation.policy import Place, Policy
from chatune_core.moderation.verdicts import Category, Finding, Level, Role, Source
from fakes.pictures import RedIsExplicit, animation, encoded, scene

RED = encoded(Image.new("RGB", (50, 50), "red"), "PNG")
BLUE = encoded(Image.new("RGB", (50, 50), "blue"), "PNG")
POLICY = Policy(
    {(Role.COMMUNITY, Category.SEXUAL): ADVISED},
    {"discord:guild:adults": Place(age_gated=True)},
)


def level(data: bytes, room: str = "discord:guild:all") -> Level:
    found = ImageRule(RedIsExplicit()).find(data)
    return POLICY.judge(found, Source(conversation=ConversationId(room))).level


def test_the_classifier_fits_the_port() -> None:
    port: type[PictureScores] = ImageClassifier

    assert port.score is ImageClassifier.score


def test_every_picture_gets_its_score_however_low() -> None:
    [red], [blue] = ImageRule(RedIsExplicit()).find(RED), ImageRule(RedIsExplicit()).find(BLUE)

    assert red == Finding(Category.SEXUAL, 1.0, "image:explicit", by_model=True)
    assert blue == Finding(Category.SEXUAL, 0.0, "image:explicit", by_model=True)


def test_a_model_is_never_sure_of_a_picture() -> None:
    [explicit] = ImageRule(RedIsExplicit()).find(RED)

    assert not explicit.sure


def test_by_the_advised_thresholds_an_explicit_picture_is_acted_on_outside_age_gated_channels() -> (
    None
):
    assert level(RED) is Level.ACT
    assert level(BLUE) is Level.ALLOW
    assert level(b"\x89PNG\r\n\x1a\n, broken") is Level.REVIEW
    assert level(RED, "discord:guild:adults") is Level.ALLOW


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_worst_frame_of_an_animation_counts(kind: str) -> None:
    data = animation(kind, ["blue", "white", "red", "white"])

    [finding] = ImageRule(RedIsExplicit()).find(data)

    assert finding.score > 0.9


def test_no_more_frames_are_scored_than_agreed() -> None:
    scores = RedIsExplicit()

    ImageRule(scores).find(animation("GIF", ["blue", "white"] * 200))

    assert 8 <= len(scores.seen) <= 16


def test_a_denied_picture_is_found_surely_and_under_its_category() -> None:
    denied = DenyList({hash_of(scene(1)): Category.HATE})
    data = encoded(scene(1).resize((300, 300)), "JPEG", quality=40)

    found = ImageRule(RedIsExplicit(), denied).find(data)

    assert Finding(Category.HATE, 1.0, "image:denied") in found
    assert [f.rule for f in ImageRule(None, denied).find(encoded(scene(2), "PNG"))] == []


def test_a_denied_picture_is_found_where_it_only_shows_on_a_dark_ground() -> None:
    hidden = scene(1).convert("L")
    picture = Image.new("RGBA", hidden.size, "white")
    picture.putalpha(hidden)
    denied = DenyList({hash_of(hidden): Category.SEXUAL})

    found = ImageRule(None, denied).find(encoded(picture, "PNG"))

    assert found == [Finding(Category.SEXUAL, 1.0, "image:denied")]
