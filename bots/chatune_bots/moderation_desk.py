"""Builds what looks after a community: who watches its channels, and where moderators decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from chatune_adapters.platform import Platform
from chatune_bots.moderation_settings import ModerationSection
from chatune_bots.moderation_watching import watching
from chatune_core.moderation.moderator import Moderator
from chatune_storage.stores import Stores

if TYPE_CHECKING:
    from chatune_core.parts import Part, Watcher


@dataclass(frozen=True, slots=True)
class ModerationDesk:
    """Nobody and nothing, where no channel is watched."""

    watcher: "Watcher | None" = None
    parts: "Sequence[Part]" = ()


def moderation_desk(
    section: ModerationSection,
    moderator: Moderator | None,
    stores: Stores,
    platforms: Sequence[Platform],
    now: Callable[[], datetime],
) -> ModerationDesk:
    """Return what watches and decides on `platforms`, as the section says.

    Raises:
        ConfigurationError: a place is watched, but nobody is told of what is found.
    """
    watched = watching(section)
    if moderator is None or all(watch is None for watch in watched.places.values()):
        return ModerationDesk()
    # Most commands watch nothing, and need not wait for what does.
    from chatune_core.moderation.allowances import Allowances
    from chatune_core.moderation.community import Community
    from chatune_core.moderation.review import Review
    from chatune_core.moderation.rules.crowd import Crowd, CrowdLimits

    enforcers = {each.name: each.enforcer for each in platforms if each.enforcer is not None}
    files = {each.name: each.files for each in platforms}
    allowances = Allowances(stores.key_values)
    crowd = Crowd(CrowdLimits())
    community = Community(
        moderator, enforcers, watched, crowd, stores.cases, allowances, files, now
    )
    review = Review(stores.cases, watched, enforcers, allowances, now)
    return ModerationDesk(community, (review,))
