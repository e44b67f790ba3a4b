"""The `[moderation]` section: what it makes of defaults, and what it refuses."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from chatune_bots.configuration import described, load
from chatune_bots.home import Home
from chatune_bots.moderation import failing
from chatune_bots.moderation_policy import (
    LARGE_MODEL,
    RULES_ALONE,
    Advice,
    picture_policy,
    policy,
    small_model,
)
from chatune_bots.moderation_settings import ModerationSection
from chatune_core.errors import ConfigurationError
from chatune_core.messages import ConversationId
from chatune_core.moderation.policy import Thresholds
from chatune_core.moderation.verdicts import Category, Finding, Level, Role, Source

GUIDE = Path(__file__).parents[2] / "docs" / "moderation.md"
EMBEDDED = small_model(dict.fromkeys(Category, 0.6), dict.fromkeys(Category, 0.9))


def section(tmp_path: Path, text: str) -> ModerationSection:
    (tmp_path / "chatune.toml").write_text(text, encoding="utf-8")
    return load(Home(tmp_path / "home"), tmp_path).settings.moderation


def level(
    settings: ModerationSection,
    finding: tuple[Category, float],
    role: Role = Role.COMMUNITY,
    place: str = "discord:1:2",
    advice: Advice = EMBEDDED,
) -> Level:
    """Return what the score of a model comes to; 1 is that of a rule which is sure."""
    found = Finding(*finding, "rule", by_model=finding[1] < 1)
    return policy(settings, advice).judge([found], Source(role, ConversationId(place))).level


@pytest.mark.parametrize("role", [Role.USER, Role.ASSISTANT, Role.COMMUNITY])
def test_a_small_model_alone_never_has_anything_done_but_for_what_it_tells_well(role: Role) -> None:
    acted = {c for c in Category if level(ModerationSection(), (c, 0.999), role) is Level.ACT}

    assert acted == {Category.SEXUAL, Category.SELF_HARM}
    assert level(ModerationSection(), (Category.HATE, 0.999), role) is Level.REVIEW


def test_a_small_model_must_find_it_likely_before_anything_is_done() -> None:
    eager = small_model(dict.fromkeys(Category, 0.2), dict.fromkeys(Category, 0.2))

    def seen(score: float) -> Level:
        return level(ModerationSection(), (Category.SEXUAL, score), advice=eager)

    assert [seen(score) for score in (0.1, 0.3, 0.65, 0.75)] == [
        Level.ALLOW,
        Level.REVIEW,
        Level.REVIEW,
        Level.ACT,
    ]


@pytest.mark.parametrize("advice", [RULES_ALONE, EMBEDDED, LARGE_MODEL])
def test_a_rule_that_is_sure_acts_whatever_the_model(advice: Advice) -> None:
    for category in set(Category) - {Category.PII}:
        assert level(ModerationSection(), (category, 1.0), advice=advice) is Level.ACT


@pytest.mark.parametrize("advice", [RULES_ALONE, EMBEDDED, LARGE_MODEL])
def test_a_rule_that_is_not_sure_calls_a_person_whatever_the_model(advice: Advice) -> None:
    def seen(score: float) -> Level:
        found = Finding(Category.SPAM, score, "link.invite")
        source = Source(Role.COMMUNITY, ConversationId("discord:1:2"))
        return policy(ModerationSection(), advice).judge([found], source).level

    assert [seen(score) for score in (0.1, 0.5, 0.95)] == [
        Level.ALLOW,
        Level.REVIEW,
        Level.REVIEW,
    ]


def test_no_threshold_of_a_model_lets_a_rule_act_that_is_not_sure(tmp_path: Path) -> None:
    eager = section(tmp_path, "[moderation.thresholds.community]\nspam = {act = 0.39}\n")
    calm = section(tmp_path, '[moderation.thresholds.community]\nspam = {review = "never"}\n')
    source = Source(Role.COMMUNITY, ConversationId("discord:1:2"))
    invite = Finding(Category.SPAM, 0.5, "link.invite")

    assert level(eager, (Category.SPAM, 0.5)) is Level.ACT
    assert policy(eager, EMBEDDED).judge([invite], source).level is Level.REVIEW
    assert policy(calm, EMBEDDED).judge([invite], source).level is Level.ALLOW


def test_personal_data_is_never_acted_on_unless_told_to(tmp_path: Path) -> None:
    found = (Category.PII, 1.0)
    strict = section(tmp_path, "[moderation.thresholds.assistant]\npii = {act = 1}\n")

    assert level(ModerationSection(), found, Role.USER) is Level.ALLOW
    assert level(ModerationSection(), found, Role.ASSISTANT) is Level.REVIEW
    assert level(strict, found, Role.ASSISTANT) is Level.ACT
    assert level(strict, found, Role.COMMUNITY) is Level.REVIEW


def test_of_tool_text_only_injections_count() -> None:
    seen = {c for c in Category if level(ModerationSection(), (c, 0.9), Role.TOOL) != Level.ALLOW}

    assert seen == {Category.INJECTION}


def test_a_channel_inherits_from_its_workspace_part_by_part(tmp_path: Path) -> None:
    settings = section(
        tmp_path,
        '[moderation.places."discord:1".thresholds.community]\n'
        "hate = {review = 0.2}\nspam = {act = 0.8}\n"
        '[moderation.places."discord:1:2".thresholds.community]\nhate = {act = 0.5}\n',
    )
    hate, spam = Category.HATE, Category.SPAM

    assert level(settings, (hate, 0.3), place="discord:1:7") is Level.REVIEW
    assert level(settings, (hate, 0.7), place="discord:1:7") is Level.REVIEW
    assert level(settings, (hate, 0.3), place="discord:1:2") is Level.REVIEW
    assert level(settings, (hate, 0.7), place="discord:1:2") is Level.ACT
    assert level(settings, (spam, 0.85), place="discord:1:2") is Level.ACT
    assert level(settings, (hate, 0.3), place="discord:12") is Level.ALLOW


def test_people_with_an_exempt_role_are_not_judged_in_that_place(tmp_path: Path) -> None:
    settings = section(tmp_path, '[moderation.places."discord:1"]\nexempt_roles = ["discord:7"]\n')
    found = Finding(Category.HATE, 1.0, "words.foul")

    def seen(*roles: str, place: str = "discord:1:2") -> Level:
        source = Source(conversation=ConversationId(place), roles=roles)
        return policy(settings, EMBEDDED).judge([found], source).level

    assert seen("discord:3", "discord:7") is Level.ALLOW
    assert seen("discord:3") is Level.ACT
    assert seen("discord:7", place="discord:2:2") is Level.ACT


def test_the_half_that_was_not_set_gives_way(tmp_path: Path) -> None:
    low = section(tmp_path, "[moderation.thresholds.community]\nsexual = {act = 0.3}\n")
    high = section(tmp_path, "[moderation.thresholds.community]\nsexual = {review = 0.95}\n")

    assert level(low, (Category.SEXUAL, 0.25)) is Level.ALLOW
    assert level(low, (Category.SEXUAL, 0.35)) is Level.ACT
    assert level(high, (Category.SEXUAL, 0.93)) is Level.ALLOW
    assert level(high, (Category.SEXUAL, 0.96)) is Level.ACT


def test_never_is_a_threshold(tmp_path: Path) -> None:
    settings = section(tmp_path, '[moderation.thresholds.user]\nself_harm = {act = "never"}\n')

    assert level(settings, (Category.SELF_HARM, 1.0), Role.USER) is Level.REVIEW


def test_pictures_have_thresholds_of_their_own_and_places_still_count(tmp_path: Path) -> None:
    settings = section(
        tmp_path,
        "[moderation.thresholds.community]\nsexual = {act = 0.1}\n"
        '[moderation.places."discord:1:2"]\nage_gated = true\n',
    )
    pictures = picture_policy(settings, Thresholds(0.2, 0.8))
    explicit = [Finding(Category.SEXUAL, 0.5, "image:explicit", by_model=True)]

    def seen(place: str) -> Level:
        return pictures.judge(explicit, Source(conversation=ConversationId(place))).level

    assert seen("discord:1:7") is Level.REVIEW
    assert seen("discord:1:2") is Level.ALLOW


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[moderation]\nmode = 'loud'", "moderation.mode: input should be 'off', 'shadow' or 'on'"),
        (
            "[moderation.thresholds.user]\nhatred = {act = 0.9}",
            "unknown key 'moderation.thresholds.user.hatred'",
        ),
        (
            "[moderation.thresholds.king]\nhate = {act = 0.9}",
            "unknown key 'moderation.thresholds.king'",
        ),
        (
            "[moderation.thresholds.user]\nhate = {review = 0.9, act = 0.5}",
            "moderation.thresholds.user.hate: something would be done from 0.5 on, but a person",
        ),
        (
            "[moderation.thresholds.user]\nhate = {act = 7}",
            'moderation.thresholds.user.hate.act: must be from 0 to 1 or "never", got 7',
        ),
        ('[moderation.places."no where"]\nage_gated = true', "moderation.places.no where"),
        (
            '[moderation.places."discord:1"]\nexempt_users = ["ann"]',
            "moderation.places.discord:1.exempt_users",
        ),
        (
            '[moderation.classifier]\nkind = "magic"',
            "classifier.kind is 'magic'; it must be one of embedded, none, transformers",
        ),
        (
            '[moderation.classifier]\nkind = "guard"\nmodel = "big"\nfamily = "qwen3guard"',
            "moderation.classifier.model is 'big'; the configured models are: bundled",
        ),
        (
            '[moderation.classifier]\nkind = "openai"\nbase_url = "ftp://x"',
            "moderation.classifier.base_url",
        ),
        (
            '[moderation.classifier]\nkind = "openai"\nlabels = {illicit = "crime"}',
            "moderation.classifier.labels.illicit: input should be 'harassment'",
        ),
    ],
)
def test_what_contradicts_itself_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        section(tmp_path, text)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_answers_wait_for_a_model_that_is_down_but_for_shadow_mode(tmp_path: Path) -> None:
    shadow = section(tmp_path, '[moderation]\nmode = "shadow"\n')
    strict = section(tmp_path, '[moderation.fail]\nuser = "closed"\n')

    assert failing(ModerationSection()).closed == {Role.ASSISTANT}
    assert failing(strict).closed == {Role.USER, Role.ASSISTANT}
    assert failing(shadow).closed == set()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "embedded"),
        ('[moderation]\nclassifier = "embedded"', "embedded"),
        ('[moderation]\nclassifier = "none"', "none"),
        ('[moderation]\nclassifier = "unitary/unbiased-toxic-roberta"', "transformers"),
        ('[moderation.classifier]\nkind = "openai"\nmodel = "m"', "openai"),
    ],
)
def test_a_classifier_is_a_word_or_a_table(tmp_path: Path, text: str, kind: str) -> None:
    assert section(tmp_path, text).classifier.kind == kind


def test_the_example_of_the_guide_shows_the_defaults(tmp_path: Path) -> None:
    example, _ = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)

    found = section(tmp_path, example)

    assert found.model_copy(update={"places": {}}) == ModerationSection()


def test_the_example_of_the_guide_loads_with_every_line_switched_on(tmp_path: Path) -> None:
    example, _ = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)

    found = section(tmp_path, re.sub(r"^# (\w+ = )", r"\1", example, flags=re.MULTILINE))

    assert found.thresholds.community.hate.review == 0.7
    assert found.words.allow == ("names.txt",)


def test_every_larger_model_of_the_guide_loads(tmp_path: Path) -> None:
    _, examples = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)

    each = re.split(r"\n\n(?=# A )", examples)
    kinds = [section(tmp_path, example).classifier.kind for example in each]

    assert kinds == ["transformers", "guard", "openai"]


def test_the_program_of_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [program] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)

    exec(compile(program, "moderation.md", "exec"), {})  # noqa: S102 - the guide is ours

    assert capsys.readouterr().out == "act ['pii.email']\n"


def test_the_log_lists_only_the_levels_that_were_set(tmp_path: Path) -> None:
    (tmp_path / "chatune.toml").write_text("[moderation.thresholds.user]\nhate = {act = 0.9}")

    lines = described(load(Home(tmp_path / "home"), tmp_path).settings).splitlines()

    levels = [line for line in lines if line.startswith("moderation.thresholds.")]
    assert "moderation.thresholds.user.hate.act = 0.9" in levels
    assert all(line.startswith("moderation.thresholds.user.hate.") for line in levels)


def test_any_setting_changes_the_version_of_the_policy(tmp_path: Path) -> None:
    texts: Mapping[str, str] = {
        "plain": "",
        "threshold": "[moderation.thresholds.user]\nhate = {act = 0.9}",
        "place": '[moderation.places."discord:1"]\nage_gated = true',
        "rule": '[moderation]\nallowed_rules = ["pii.email"]',
        "mode": '[moderation]\nmode = "shadow"',
    }

    versions = {policy(section(tmp_path, text), EMBEDDED).version for text in texts.values()}

    assert len(versions) == len(texts)
