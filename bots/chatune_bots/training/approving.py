"""Operators decide about a new version: how it is brought before them, and what follows."""

from functools import partial

from anyio import to_thread

from chatune_bots.compose import utc_now
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from chatune_core.generation.requests import LoraId
from chatune_core.learning.approval import Approval
from chatune_core.learning.gate import GateReport
from chatune_core.learning.ports import LoraRegistry
from chatune_core.learning.report_files import read_report
from chatune_core.learning.versions import LoraState
from chatune_core.messages import ConversationId, UserId
from chatune_storage.stores import Stores

_WENT_ON = (LoraState.CANARY, LoraState.ACTIVE)


def approval(settings: Settings, home: Home, stores: Stores) -> Approval | None:
    """Return where people decide, or None if they are not asked in a conversation."""
    place = settings.training.approvals
    if place is None or not settings.training.require_approval:
        return None
    return Approval(
        ConversationId(place),
        partial(report_on, home),
        partial(decide, stores.loras, settings.canary.share),
        stores.key_values,
        utc_now,
    )


async def report_on(home: Home, lora: LoraId) -> GateReport | None:
    """Return the report on a version, None if there is none."""
    return await to_thread.run_sync(read_report, home.reports / lora)


async def decide(
    registry: LoraRegistry, share: float, lora: LoraId, approved: bool, by: UserId
) -> bool:
    """See Decide. Approved, it answers in a `share` of conversations first."""
    to = LoraState.CANARY if approved else LoraState.RETIRED
    reason = "approved by an operator" if approved else "rejected by an operator"
    if await registry.move(lora, [LoraState.CANDIDATE], to, reason, share, by=by):
        return True
    version = await registry.find(lora)
    return version is not None and (version.state in _WENT_ON) is approved
