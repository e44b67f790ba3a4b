"""What an operator's policy makes of findings."""

import pytest

from chatune_core.errors import ConfigurationError
from chatune_core.messages import ConversationId, UserId
from chatune_core.moderation.policy import Place, Policy, Thresholds
from chatune_core.moderation.verdicts import Category, Finding, Level, Role, Source

HATE, SEXUAL, SPAM = Category.HATE, Category.SEXUAL, Category.SPAM
ROOM = ConversationId("discord:guild:room")
STRICT = {
    (Role.COMMUNITY, HATE): Thresholds(0.5, 0.9),
    (Role.COMMUNITY, SEXUAL): Thresholds(0.5, 0.8),
    (Role.USER, HATE): Thresholds(0.7),
}


def found(category: Category, score: float, rule: str = "model") -> Finding:
    return Finding(category, score, rule, by_model=rule == "model")


def source(role: Role = Role.COMMUNITY, room: str = ROOM, user: str = "discord:ann") -> Source:
    return Source(role, ConversationId(room), UserId(user))


@pytest.mark.parametrize(
    ("score", "level"), [(0.49, Level.ALLOW), (0.5, Level.REVIEW), (0.9, Level.ACT)]
)
def test_a_score_comes_to_the_level_whose_threshold_it_reaches(score: float, level: Level) -> None:
    verdict = Policy(STRICT).judge([found(HATE, score)], source())

    assert verdict.level is level
    assert verdict.scores == {HATE: score}


def test_the_same_text_may_be_fine_in_another_role() -> None:
    policy = Policy(STRICT)

    assert policy.judge([found(HATE, 0.95)], source(Role.USER)).level is Level.REVIEW
    assert policy.judge([found(HATE, 0.95)], source(Role.ASSISTANT)).level is Level.ALLOW


def test_the_worst_finding_decides_and_comes_first() -> None:
    findings = [found(SEXUAL, 0.6), found(HATE, 1.0, "words:slurs"), found(SPAM, 1.0)]

    verdict = Policy(STRICT).judge(findings, source())

    assert verdict.level is Level.ACT
    assert [finding.rule for finding in verdict.findings] == ["words:slurs", "model"]
    assert [finding.rule for finding in verdict.acting] == ["words:slurs"]


def test_a_rule_that_is_not_sure_may_call_a_person_but_never_has_anything_done() -> None:
    apart = Policy({(Role.COMMUNITY, HATE): Thresholds(0.1, 0.2, unsure=0.5)})
    together = Policy({(Role.COMMUNITY, HATE): Thresholds(0.1, 0.2)})

    def levels(policy: Policy, rule: str) -> list[Level]:
        scores = (0.05, 0.3, 0.6, 0.99)
        return [policy.judge([found(HATE, score, rule)], source()).level for score in scores]

    allow, review, act = Level.ALLOW, Level.REVIEW, Level.ACT
    assert levels(apart, "words:maybe") == [allow, allow, review, review]
    assert levels(together, "words:maybe") == [allow, review, review, review]
    assert levels(apart, "model") == [allow, act, act, act]
    assert apart.judge([found(HATE, 1.0, "words:slurs")], source()).level is act


def test_a_channel_stands_above_its_workspace_and_that_above_the_rest() -> None:
    policy = Policy(
        STRICT,
        {
            "discord:guild": Place({(Role.COMMUNITY, HATE): Thresholds(0.2, 0.3)}),
            "discord:guild:room": Place({(Role.COMMUNITY, SEXUAL): Thresholds()}),
        },
    )

    def level(category: Category, place: str) -> Level:
        return policy.judge([found(category, 0.6)], source(room=place)).level

    assert level(HATE, "discord:guild:room") is Level.ACT
    assert level(SEXUAL, "discord:guild:room") is Level.ALLOW
    assert level(SEXUAL, "discord:guild:other") is Level.REVIEW
    assert level(HATE, "discord:guildhall:room") is Level.REVIEW


def test_an_age_gated_channel_allows_sexual_content_and_nothing_else() -> None:
    policy = Policy(STRICT, {"discord:guild:room": Place(age_gated=True)})

    verdict = policy.judge([found(SEXUAL, 1.0), found(HATE, 1.0)], source())

    assert [finding.category for finding in verdict.findings] == [HATE]


def test_a_channel_that_the_platform_gates_by_age_allows_sexual_content_too() -> None:
    gated = Source(conversation=ROOM, age_gated=True)

    verdict = Policy(STRICT).judge([found(SEXUAL, 1.0), found(HATE, 1.0)], gated)

    assert [finding.category for finding in verdict.findings] == [HATE]


def test_people_with_an_exempt_role_are_not_judged_there() -> None:
    policy = Policy(STRICT, {"discord:guild": Place(exempt_roles=frozenset({"discord:77"}))})

    def level(*roles: str, room: str = ROOM) -> Level:
        said = Source(conversation=ConversationId(room), roles=roles)
        return policy.judge([found(HATE, 0.95)], said).level

    assert level("discord:5", "discord:77") is Level.ALLOW
    assert level("discord:5") is Level.ACT
    assert level("discord:77", room="discord:other:room") is Level.ACT


def test_what_is_exempt_does_not_count_and_is_named() -> None:
    exempt = Place(exempt_users=frozenset({"discord:mod"}))
    policy = Policy(STRICT, {"discord:guild": exempt}, frozenset({"words:scunthorpe"}))
    findings = [found(HATE, 1.0, "words:scunthorpe"), found(HATE, 0.6)]

    anyone = policy.judge(findings, source())
    moderator = policy.judge(findings, source(user="discord:mod"))

    assert (anyone.level, anyone.exempt) == (Level.REVIEW, ("words:scunthorpe",))
    assert (moderator.level, moderator.exempt) == (Level.ALLOW, ("words:scunthorpe", "model"))


def test_a_policy_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="reviewed only at"):
        Thresholds(review=0.9, act=0.5)


def test_any_change_of_a_policy_changes_its_version() -> None:
    policies = [
        Policy(STRICT),
        Policy({**STRICT, (Role.TOOL, HATE): Thresholds(0.5)}),
        Policy(STRICT, {"discord:guild": Place()}),
        Policy(STRICT, {"discord:guild": Place(age_gated=True)}),
        Policy(STRICT, {"discord:guild": Place(exempt_users=frozenset({"discord:1"}))}),
        Policy(STRICT, {"discord:guild": Place(exempt_roles=frozenset({"discord:1"}))}),
        Policy({**STRICT, (Role.USER, HATE): Thresholds(0.7, unsure=0.5)}),
        Policy(STRICT, shadow=True),
        Policy(STRICT, allowed_rules=frozenset({"x"})),
    ]

    assert len({policy.version for policy in policies}) == len(policies)
    assert Policy(dict(reversed(STRICT.items()))).version == policies[0].version
