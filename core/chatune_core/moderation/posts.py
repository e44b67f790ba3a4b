"""Everything about one post that is judged: text, previews, name, pictures, and how many there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from anyio import CapacityLimiter, to_thread

from chatune_core.messages import MessagePosted, workspace_of
from chatune_core.moderation.allowances import Allowances
from chatune_core.moderation.moderator import Moderator
from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.pictures import UNREAD, Pictures
from chatune_core.moderation.rules.crowd import Crowd, Seen
from chatune_core.moderation.verdicts import (
    Finding,
    Level,
    Role,
    Said,
    Source,
    Verdict,
    together,
)

NAME = "name"
MOST_PREVIEWS = 10
"""Link previews of one post that are read; platforms show fewer."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a post; `unread` says which pictures nobody could look at."""

    verdict: Verdict
    unread: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a post: what was found `where`, and what it is known again by."""

    where: str
    content: str
    findings: Sequence[Finding]

    def placed(self) -> list[Finding]:
        """Return the findings, which say where they are; other texts than the message's go."""
        if not self.where:
            return list(self.findings)
        return [replace(each, where=self.where, spans=()) for each in self.findings]


class Posts:
    """Judges posts. What moderators have allowed does not count.

    A name is judged by rules alone: no model here was measured on names, and it would be asked
    twice for every message.
    """

    def __init__(
        self, moderator: Moderator, crowd: Crowd, allowances: Allowances, pictures: Pictures
    ) -> None:
        self._moderator, self._crowd = moderator, crowd
        self._allowances, self._pictures = allowances, pictures
        self._counting = CapacityLimiter(1)

    async def judged(self, posted: MessagePosted) -> Judged:
        """Return the verdict on all of the post. Its findings say where, and carry digests.

        Raises:
            RetryLater: it could not be checked, and community checks fail closed.
        """
        source = Source(
            Role.COMMUNITY, posted.conversation, posted.user, posted.roles, posted.age_gated
        )
        texts = await self._in_texts(posted, source)
        pictures = [
            _Part(f"picture {looked.number}", looked.sha256, looked.findings)
            for looked in await self._pictures.of(posted)
        ]
        verdict = self._judged(texts, pictures, source)
        if verdict.level is Level.ALLOW:
            return Judged(verdict)
        flagged = {finding.where for finding in verdict.findings}
        contents = {part.where: part.content for part in pictures}
        for part in texts:
            if part.where in flagged:
                contents[part.where] = normalised(part.content).text
        placed = (finding for part in pictures for finding in part.placed())
        unread = tuple(finding for finding in placed if finding.rule == UNREAD)
        return Judged(await self._without_allowed(verdict, posted, contents), unread)

    async def _in_texts(self, posted: MessagePosted, source: Source) -> list[_Part]:
        previews = posted.previews[:MOST_PREVIEWS]
        found = await self._moderator.find(
            [Said(text, source) for text in (posted.text, *previews)]
        )
        [in_name] = await self._moderator.find([Said(posted.name, source)], rules_alone=True)
        counted = await to_thread.run_sync(self._count, posted, limiter=self._counting)
        return [
            _Part("", posted.text, [*found[0], *counted]),
            _Part(NAME, posted.name, in_name),
            *(
                _Part(f"preview {number}", preview, findings)
                for number, (preview, findings) in enumerate(
                    zip(previews, found[1:], strict=True), 1
                )
            ),
        ]

    def _count(self, posted: MessagePosted) -> list[Finding]:
        text = normalised(posted.text)
        seen = Seen(posted.message, posted.user, posted.conversation, posted.at, text)
        return self._crowd.see(seen)

    def _judged(self, texts: Sequence[_Part], pictures: Sequence[_Part], source: Source) -> Verdict:
        moderator = self._moderator
        in_texts = [finding for part in texts for finding in part.placed()]
        verdict = moderator.policy.judge(in_texts, source, moderator.model)
        if not pictures:
            return verdict
        in_pictures = [finding for part in pictures for finding in part.placed()]
        model = moderator.picture_model
        return together([verdict, moderator.picture_policy.judge(in_pictures, source, model)])

    async def _without_allowed(
        self, verdict: Verdict, posted: MessagePosted, contents: Mapping[str, str]
    ) -> Verdict:
        workspace = workspace_of(posted.conversation)
        digests: dict[Finding, Finding | None] = {}
        for finding in verdict.findings:
            if finding.where:
                known_by = contents[finding.where]
                digest = await self._allowances.digest(workspace, known_by) if known_by else ""
                digests[finding] = replace(finding, digest=digest)
        verdict = verdict.amended(digests)
        left = await self._allowances.left(workspace, verdict.findings, posted.text)
        return verdict.amended(left)
