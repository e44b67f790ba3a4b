"""Consents and audit log."""

from datetime import timedelta

import pytest

from chatune_core.outcomes import AuditEntry
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, BEN

pytestmark = pytest.mark.anyio


async def test_nothing_is_agreed_until_a_person_says_so(stores: Stores) -> None:
    for purpose in Purpose:
        assert not await stores.consents.allows(ANN, purpose)


async def test_each_purpose_and_person_stands_alone(stores: Stores) -> None:
    await stores.consents.record(ANN, Purpose.TRAINING, granted=True, source="test:1")

    assert await stores.consents.allows(ANN, Purpose.TRAINING)
    assert not await stores.consents.allows(ANN, Purpose.MEMORY)
    assert not await stores.consents.allows(BEN, Purpose.TRAINING)


async def test_the_last_decision_counts(stores: Stores) -> None:
    for granted in (True, False, True, False):
        await stores.consents.record(ANN, Purpose.MEMORY, granted, "test:1")
        assert await stores.consents.allows(ANN, Purpose.MEMORY) is granted


async def test_every_decision_is_kept_with_its_source(stores: Stores, clock: FakeClock) -> None:
    await stores.consents.record(ANN, Purpose.MEMORY, granted=True, source="test:1")
    clock.advance(timedelta(days=1))
    await stores.consents.record(ANN, Purpose.MEMORY, granted=False, source="console")

    records = [item.record for item in await stores.personal_data.export(ANN)]

    assert [(record["granted"], record["source"], record["at"]) for record in records] == [
        (True, "test:1", "2026-01-01T00:00:00+00:00"),
        (False, "console", "2026-01-02T00:00:00+00:00"),
    ]


async def test_the_audit_log_tells_the_newest_first(stores: Stores, clock: FakeClock) -> None:
    started = clock.at
    await stores.audit.append("operator", "export", "test:ann", {"rows": 3, "dry": False})
    clock.advance(timedelta(seconds=1))
    await stores.audit.append("system", "purge", "everyone", {"days": 1.5, "why": "age"})

    entries = await stores.audit.entries(5)

    assert entries == [
        AuditEntry(clock.at, "system", "purge", "everyone", {"days": 1.5, "why": "age"}),
        AuditEntry(started, "operator", "export", "test:ann", {"rows": 3, "dry": False}),
    ]
    assert await stores.audit.entries(1) == entries[:1]
    assert await stores.audit.entries(0) == []
