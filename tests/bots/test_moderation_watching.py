"""Which channels an operator has watched, and what is done there."""

from datetime import timedelta
from pathlib import Path

import pytest

from chatune_bots.configuration import load
from chatune_bots.home import Home
from chatune_bots.moderation_watching import watched_platforms, watching
from chatune_core.errors import ConfigurationError
from chatune_core.messages import ConversationId
from chatune_core.moderation.cases import Measure
from chatune_core.moderation.verdicts import Category
from chatune_core.moderation.watching import Watch, Watching

SERVER = """
[moderation.places."discord:1"]
watch = true
review = "discord:1:99"
"""


def seen(tmp_path: Path, text: str) -> Watching:
    (tmp_path / "chatune.toml").write_text(text, encoding="utf-8")
    return watching(load(Home(tmp_path / "home"), tmp_path).settings.moderation)


def at(found: Watching, place: str) -> Watch:
    watch = found.at(ConversationId(place))
    assert watch is not None
    return watch


def test_nothing_is_watched_unless_it_is_asked_for(tmp_path: Path) -> None:
    found = seen(tmp_path, '[moderation.places."discord:1"]\nage_gated = true\n')

    assert found.at(ConversationId("discord:1:2")) is None


def test_a_watched_server_has_its_channels_watched_but_for_the_moderators_own(
    tmp_path: Path,
) -> None:
    found = seen(tmp_path, SERVER)

    assert at(found, "discord:1:2").review == "discord:1:99"
    assert at(found, "discord:1:2").measures[Category.HATE] == (Measure.REMOVE, Measure.WARN)
    assert Category.SELF_HARM not in at(found, "discord:1:2").measures
    assert found.at(ConversationId("discord:1:99")) is None
    assert found.at(ConversationId("discord:11:2")) is None
    assert found.review_channels() == {"discord:1:99"}


def test_a_channel_inherits_what_it_does_not_set(tmp_path: Path) -> None:
    channel = """
    time_out_s = 60
    measures = {spam = ["remove", "time_out"]}
    [moderation.places."discord:1:2"]
    review = "discord:1:98"
    measures = {hate = []}
    [moderation.places."discord:1:3"]
    watch = false
    """

    found = seen(tmp_path, SERVER + channel)

    assert at(found, "discord:1:2").review == "discord:1:98"
    assert at(found, "discord:1:2").time_out == timedelta(minutes=1)
    assert at(found, "discord:1:2").measures[Category.HATE] == ()
    assert at(found, "discord:1:2").measures[Category.SPAM] == (Measure.REMOVE, Measure.TIME_OUT)
    assert at(found, "discord:1:4").review == "discord:1:99"
    assert found.at(ConversationId("discord:1:3")) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('[moderation.places."discord:1"]\nwatch = true\n', "no moderator is told"),
        (SERVER + 'measures = {hate = ["ban"]}\n', "measures.hate"),
        (SERVER + 'measures = {self_harm = ["remove"]}\n', "self_harm"),
        (SERVER + "time_out_s = 0\n", "time_out_s"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        seen(tmp_path, line)


def test_off_watches_nothing_and_asks_for_no_rights(tmp_path: Path) -> None:
    (tmp_path / "chatune.toml").write_text(SERVER + '[moderation]\nmode = "off"\n', "utf-8")
    section = load(Home(tmp_path / "home"), tmp_path).settings.moderation

    assert watching(section) == Watching()
    assert watched_platforms(section) == frozenset()


def test_rights_are_asked_for_on_watched_platforms_alone(tmp_path: Path) -> None:
    (tmp_path / "chatune.toml").write_text(SERVER, "utf-8")

    section = load(Home(tmp_path / "home"), tmp_path).settings.moderation

    assert watched_platforms(section) == {"discord"}
