"""Watches what people post: judges it, takes measures, opens a case, tells who has to know."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chatune_core.messages import (
    ConversationId,
    EventKey,
    MessagePosted,
    Reply,
    workspace_of,
)
from chatune_core.moderation.allowances import Allowances
from chatune_core.moderation.answers import SUPPORT, noted
from chatune_core.moderation.cards import card, record_of, supported
from chatune_core.moderation.cases import Case, Measure, case_id
from chatune_core.moderation.measures import take
from chatune_core.moderation.moderator import Moderator
from chatune_core.moderation.notices import appeal_button, warning
from chatune_core.moderation.pictures import Pictures
from chatune_core.moderation.posts import NAME, Judged, Posts
from chatune_core.moderation.rules.crowd import COUNTED, Crowd
from chatune_core.moderation.verdicts import Category, Finding, Level, Verdict
from chatune_core.moderation.watching import Watch, Watching
from chatune_core.outcomes import Announced, Audited, CaseOpened, Effect, Outcome
from chatune_core.ports import Cases, Enforcer, Files

MOST_CASES = 100
"""Earlier cases of a person that count as their record."""
SUPPORT_AGAIN = timedelta(hours=1)
"""Before that nobody is told twice where to find help."""
FLOOD_AGAIN = timedelta(minutes=10)
"""So far apart are two cards about one person's flood; its posts are dealt with in between, too."""
_NOTHING = Outcome()


class Community:
    """Fulfils `Watcher`.

    Measures come first and may be repeated; then one commit keeps the case and sends what people
    read. So a crash in between costs nothing but the same measures again. Crowds are counted in
    this process alone.
    """

    def __init__(
        self,
        moderator: Moderator,
        enforcers: Mapping[str, Enforcer],
        watching: Watching,
        crowd: Crowd,
        cases: Cases,
        allowances: Allowances,
        files: Mapping[str, Files],
        now: Callable[[], datetime],
    ) -> None:
        """Use `enforcers` and `files` by platform: a `ConversationId` before its first colon."""
        self._enforcers, self._watching = enforcers, watching
        self._cases, self._allowances, self._now = cases, allowances, now
        self._posts = Posts(moderator, crowd, allowances, Pictures(moderator, files))

    def watches(self, conversation: ConversationId) -> bool:
        """See Watcher.watches."""
        return self._watching.at(conversation) is not None

    async def seen(self, posted: MessagePosted) -> Outcome:
        """See Watcher.seen. Nothing is kept of a post that is fine."""
        watch = self._watching.at(posted.conversation)
        if watch is None:
            return _NOTHING
        judged = await self._posts.judged(posted)
        verdict = judged.verdict
        if verdict.level is Level.ALLOW:
            return _NOTHING
        workspace = workspace_of(posted.conversation)
        earlier = await self._cases.of_person(posted.user, workspace, MOST_CASES)
        known = {
            each: None for each in verdict.findings if _is_known(each, posted, earlier, verdict)
        }
        verdict = _helping_first(verdict.amended(known))
        if verdict.level is Level.ALLOW:
            return _NOTHING
        opened = await self._opened(posted, replace(judged, verdict=verdict), watch)
        return await self._outcome(opened, verdict, watch, earlier)

    async def _opened(self, posted: MessagePosted, judged: Judged, watch: Watch) -> Case:
        """Take the measures that are called for; return the case that says so."""
        verdict = judged.verdict
        enforcer = self._enforcer(posted.conversation)
        wanted = _wanted(verdict, watch) if verdict.acts else ()
        return Case(
            case_id(posted.key),
            posted.key,
            posted.conversation,
            posted.user,
            posted.message,
            posted.at,
            posted.text,
            verdict.level,
            (*verdict.findings, *judged.unread),
            verdict.policy,
            verdict.model,
            await take(wanted, posted, watch, enforcer, self._now()),
            shadow=verdict.shadow,
        )

    async def _outcome(
        self, case: Case, verdict: Verdict, watch: Watch, earlier: Sequence[Case]
    ) -> Outcome:
        effects: list[Effect] = [CaseOpened(case), await self._record(case, verdict)]
        if _goes_on(case, earlier):
            return Outcome(effects=tuple(effects))
        if watch.review is not None:
            effects.append(_card(case, watch.review, earlier))
        enforcer = self._enforcer(case.conversation)
        if enforcer is not None and verdict.acts:
            aside = enforcer.aside(case.conversation, case.user)
            effects += _told(case, verdict, aside, earlier)
        return Outcome(effects=tuple(effects))

    def _enforcer(self, conversation: ConversationId) -> Enforcer | None:
        return self._enforcers.get(conversation.partition(":")[0])

    async def _record(self, case: Case, verdict: Verdict) -> Audited:
        """Return what is kept for good: hashes and names of rules, no text."""
        entry = noted(verdict, "post found wanting", case.event, self._now())
        digest = await self._allowances.digest(workspace_of(case.conversation), case.text)
        details = {
            "case": case.id,
            "text_digest": digest,
            "measures": ", ".join(each.measure.value for each in case.taken),
            "refused": ", ".join(each.measure.value for each in case.measures if each.failed),
        }
        return Audited(replace(entry, details={**entry.details, **details}))


def _is_known(
    finding: Finding, posted: MessagePosted, earlier: Sequence[Case], verdict: Verdict
) -> bool:
    """Return whether moderators have a case with the very same finding.

    A late preview and an edit bring the whole message again, and a name comes with every message.
    """
    return any(
        (case.message == posted.message or finding.where == NAME)
        and (finding.where != "" or case.text == posted.text)
        and case.shadow == verdict.shadow
        and any(_is_same(finding, each) for each in case.findings)
        for case in earlier
    )


def _is_same(one: Finding, other: Finding) -> bool:
    named = (one.category, one.rule, one.where, one.digest)
    return named == (other.category, other.rule, other.where, other.digest)


def _goes_on(case: Case, earlier: Sequence[Case]) -> bool:
    """Return whether everybody was told already of the flood that this post is one more of."""
    return all(finding.rule.startswith(COUNTED) for finding in case.findings) and any(
        each.shadow == case.shadow
        and abs(case.at - each.at) < FLOOD_AGAIN
        and {finding.rule for finding in case.findings} <= {known.rule for known in each.findings}
        for each in earlier
    )


def _helping_first(verdict: Verdict) -> Verdict:
    """Return the verdict with self-harm before all else, if something is to be done about it."""

    def first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        return tuple(sorted(findings, key=lambda each: each.category is not Category.SELF_HARM))

    if not any(finding.category is Category.SELF_HARM for finding in verdict.acting):
        return verdict
    return replace(verdict, findings=first(verdict.findings), acting=first(verdict.acting))


def _wanted(verdict: Verdict, watch: Watch) -> Sequence[Measure]:
    """Return what to do by the worst that was found; somebody in need is never punished."""
    if supported(verdict.level, verdict.findings):
        return ()
    wanted = watch.measures.get(verdict.acting[0].category, ())
    if all(finding.where == NAME for finding in verdict.acting):
        return [measure for measure in wanted if measure is Measure.WARN]  # the message is fine
    return wanted


def _card(case: Case, review: ConversationId, earlier: Sequence[Case]) -> Announced:
    shown = card(case, record_of(earlier, case.id))
    key = EventKey(f"{case.event}:card")
    return Announced(Reply(key, review, case.user, shown.text, buttons=shown.buttons))


def _told(
    case: Case, verdict: Verdict, aside: ConversationId, earlier: Sequence[Case]
) -> list[Announced]:
    if supported(verdict.level, verdict.findings):
        recently = any(
            supported(each.level, each.findings)
            and not each.shadow
            and case.at - each.at < SUPPORT_AGAIN
            for each in earlier
        )
        return [] if recently else [_private(case, "support", aside, SUPPORT)]
    if not any(each.measure is Measure.WARN for each in case.taken):
        return []
    told = _private(case, "warning", aside, warning(case, verdict.acting))
    return [Announced(replace(told.reply, buttons=(appeal_button(case.id),)))]


def _private(case: Case, what: str, aside: ConversationId, text: str) -> Announced:
    return Announced(Reply(EventKey(f"{case.event}:{what}"), aside, case.user, text, private=True))
