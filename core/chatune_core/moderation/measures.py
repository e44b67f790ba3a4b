"""Measures, taken and taken back through an `Enforcer`. All of it may be repeated."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chatune_core.errors import MeasureRefused
from chatune_core.messages import MessagePosted
from chatune_core.moderation.cases import Case, CaseState, Measure, Taken
from chatune_core.moderation.watching import Watch
from chatune_core.ports import Enforcer

NOT_HERE = "not possible on this platform"
OVER = "it would have ended already"
FORGOTTEN = "its text was forgotten"


async def take(
    wanted: Sequence[Measure],
    posted: MessagePosted,
    watch: Watch,
    enforcer: Enforcer | None,
    now: datetime,
) -> tuple[Taken, ...]:
    """Take the measures in order; return each with why it could not be taken, if so.

    A message that cannot be removed is flagged instead. A warning is only noted: it is a message,
    which the caller sends.

    Raises:
        RetryLater: try all of it again later.
    """
    if enforcer is None:
        return tuple(Taken(measure, failed=NOT_HERE) for measure in dict.fromkeys(wanted))
    taken: list[Taken] = []
    for measure in dict.fromkeys(wanted):
        if measure is Measure.FLAG and Measure.REMOVE in wanted:
            continue
        taken.append(await _taken(measure, posted, watch, enforcer, now))
        if measure is Measure.REMOVE and taken[-1].failed:
            taken.append(await _taken(Measure.FLAG, posted, watch, enforcer, now))
    return tuple(taken)


async def _taken(
    measure: Measure,
    posted: MessagePosted,
    watch: Watch,
    enforcer: Enforcer,
    now: datetime,
) -> Taken:
    lasts = {Measure.TIME_OUT: watch.time_out, Measure.SLOW_DOWN: watch.slow_mode_for}.get(measure)
    until = posted.at + lasts if lasts else None
    if until is not None and until <= now:
        return Taken(measure, until, OVER)
    try:
        await _act(measure, posted, watch, enforcer, until)
    except MeasureRefused as error:
        return Taken(measure, until, str(error) or "refused")
    return Taken(measure, until)


async def _act(
    measure: Measure,
    posted: MessagePosted,
    watch: Watch,
    enforcer: Enforcer,
    until: datetime | None,
) -> None:
    match measure:
        case Measure.REMOVE:
            await enforcer.remove(posted.conversation, posted.message)
        case Measure.FLAG:
            await enforcer.flag(posted.conversation, posted.message, on=True)
        case Measure.TIME_OUT:
            await enforcer.time_out(posted.conversation, posted.user, until)
        case Measure.SLOW_DOWN:
            await enforcer.slow_down(posted.conversation, watch.slow_mode, until)
        case Measure.WARN:
            pass


async def take_back(
    case: Case, others: Sequence[Case], enforcer: Enforcer | None, now: datetime
) -> tuple[Taken, ...]:
    """Take back what was done and still holds; return each with why it could not be, if so.

    A removed message is only noted: its text is posted again by the caller. A warning was said. A
    time-out that one of the person's `others` asks for stays.

    Raises:
        RetryLater: try all of it again later.
    """
    held = [
        taken
        for taken in case.taken
        if taken.measure is not Measure.WARN and (taken.until is None or taken.until > now)
    ]
    return tuple([await _taken_back(taken, case, others, enforcer, now) for taken in held])


async def _taken_back(
    taken: Taken, case: Case, others: Sequence[Case], enforcer: Enforcer | None, now: datetime
) -> Taken:
    if enforcer is None:
        return Taken(taken.measure, failed=NOT_HERE)
    until = None
    try:
        match taken.measure:
            case Measure.REMOVE:
                return Taken(taken.measure, failed="" if case.text else FORGOTTEN)
            case Measure.FLAG:
                await enforcer.flag(case.conversation, case.message, on=False)
            case Measure.TIME_OUT:
                until = _asked_for(case, others, now)
                await enforcer.time_out(case.conversation, case.user, until)
            case Measure.SLOW_DOWN:
                await enforcer.slow_down(case.conversation, timedelta(0))
    except MeasureRefused as error:
        return Taken(taken.measure, failed=str(error) or "refused")
    return Taken(taken.measure, until)


def _asked_for(case: Case, others: Sequence[Case], now: datetime) -> datetime | None:
    """Return until when other cases that stand keep their author from writing."""
    untils = [
        taken.until
        for other in others
        if other.id != case.id and other.state is not CaseState.UNDONE
        for taken in other.taken
        if taken.measure is Measure.TIME_OUT and taken.until is not None and taken.until > now
    ]
    return max(untils, default=None)
