"""What needs no wire: arguments, ids, limits, threads."""

from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.rig import MemoryKeyValues
from chatune_adapters.discord.arguments import Value, argument_line
from chatune_adapters.discord.guilds import KnownGuilds
from chatune_adapters.discord.ids import nonce_of, pressed, snowflake_at, snowflake_in, time_of
from chatune_adapters.discord.limits import Limits
from chatune_adapters.discord.places import Places
from chatune_adapters.discord.registration import described
from chatune_adapters.discord.threads import JoinedThreads
from chatune_adapters.discord.via import Via, via_in
from chatune_core.commands import Answered, bind, command_from
from chatune_core.errors import ConfigurationError
from chatune_core.messages import EventKey


async def sow(
    context: object,
    kind: Literal["a rose", "tulip"],
    name: str,
    count: int = 1,
    depth: float = 0.5,
    wet: bool = False,
    note: str = "",
) -> Answered:
    return None


SOW = command_from("sow", "Sow.", sow)
# The line has no escapes: one sort of quotation mark at a time, as the docstring says.
words = st.text(st.characters(codec="utf-8", exclude_characters="'\r"), min_size=1).filter(
    lambda word: word.strip() == word
)


@given(
    kind=st.sampled_from(["a rose", "tulip"]),
    name=words,
    count=st.none() | st.integers(-(2**53), 2**53),
    depth=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    wet=st.none() | st.booleans(),
    note=st.none() | words,
)
def test_what_is_filled_in_is_what_the_handler_gets(
    kind: str,
    name: str,
    count: int | None,
    depth: float | None,
    wet: bool | None,
    note: str | None,
) -> None:
    given_values: dict[str, Value | None] = {
        "kind": kind, "name": name, "count": count, "depth": depth, "wet": wet, "note": note,
    }  # fmt: skip
    values = {name: value for name, value in given_values.items() if value is not None}

    bound = bind(SOW, argument_line(SOW, values))

    defaults: dict[str, Value] = {"count": 1, "depth": 0.5, "wet": False, "note": ""}
    assert bound == [
        defaults.get(key) if value is None else value for key, value in given_values.items()
    ]


def test_a_word_with_both_quotation_marks_stays_one_word() -> None:
    line = argument_line(SOW, {"kind": "tulip", "name": 'the "king\'s" own', "note": "x"})

    assert bind(SOW, line)[1] == 'the "king\N{RIGHT SINGLE QUOTATION MARK}s" own'


def test_more_commands_than_discord_takes_are_a_matter_of_the_settings() -> None:
    commands = [command_from(f"sow{number}", "Sow.", sow) for number in range(101)]

    with pytest.raises(ConfigurationError):
        described(commands)


def test_snowflakes_hold_their_time() -> None:
    at = datetime(2026, 8, 6, 12, 30, tzinfo=UTC)

    assert time_of(snowflake_at(at)) == at
    assert time_of("175928847299117063") == datetime(2016, 4, 30, 11, 18, 25, 796000, tzinfo=UTC)


def test_only_keys_that_are_a_message_or_interaction_hold_a_snowflake() -> None:
    assert snowflake_in("discord:123") == "123"
    assert snowflake_in("discord:edited:123:2026") == ""
    assert snowflake_in("discord:deleted:123") == ""


def test_each_part_of_an_answer_has_a_nonce_of_its_own_that_discord_accepts() -> None:
    nonces = {nonce_of(EventKey("discord:1"), part, again) for part in range(9) for again in (0, 1)}

    assert len(nonces) == 18
    assert {len(nonce) for nonce in nonces} == {25}


def test_a_press_is_read_as_action_and_value() -> None:
    assert pressed("more=a=b") == ("more", "a=b")
    assert pressed("stop") == ("stop", "")


def test_a_return_address_survives_and_hides_its_token() -> None:
    via = Via("1", "2", "secret", original=True, message="3")

    assert via_in(via.text()) == via
    assert "secret" not in repr(via)


def test_spare_calls_leave_the_last_of_a_budget_and_other_places_are_free() -> None:
    now = [100.0]
    limits = Limits(lambda: now[0])
    told = {"X-RateLimit-Remaining": "2", "X-RateLimit-Reset-After": "5"}
    limits.learn("a", told)

    assert limits.wait_for("a", spare=True) == 0
    assert limits.wait_for("a", spare=True) == 5
    assert limits.wait_for("a") == 0
    assert limits.wait_for("a") == 5
    assert limits.wait_for("b") == 0
    now[0] += 5
    assert limits.wait_for("a") == 0


def test_a_global_limit_holds_everything() -> None:
    now = [100.0]
    limits = Limits(lambda: now[0])
    limits.block("a", 3, everything=True)

    assert limits.wait_for("b") == 3
    now[0] += 3
    assert limits.wait_for("b") == 0


@pytest.mark.anyio
async def test_a_server_that_another_shard_looks_after_is_not_missed() -> None:
    guilds = KnownGuilds(MemoryKeyValues())
    first, second = str(8 << 22), str(9 << 22)
    for guild in (first, second):
        await guilds.note(guild)

    assert guilds.left(0, 2, []) == [first]
    assert guilds.left(1, 2, [second]) == []
    assert guilds.left(0, 1, [second]) == [first]


def test_a_channel_that_is_gone_is_forgotten() -> None:
    places = Places()
    places.take("CHANNEL_CREATE", {"id": "1", "type": 0, "nsfw": True})
    places.take("THREAD_UPDATE", {"id": "2", "type": 11, "parent_id": "1"})
    threads = [{"id": "3", "type": 12, "parent_id": "1"}]
    places.take("THREAD_LIST_SYNC", {"threads": threads})
    assert [places.age_gated(each) for each in "123"] == [True, True, True]
    places.take("THREAD_DELETE", {"id": "2"})
    places.take("CHANNEL_DELETE", {"id": "1"})

    assert [places.age_gated(each) for each in "123"] == [False, False, False]
    assert [places.parent(each) for each in "123"] == [None, None, "1"]


def test_the_bot_takes_part_in_threads_that_it_owns_or_joined() -> None:
    joined = JoinedThreads()
    joined.me = "9"
    threads = [{"id": "1", "member": {"flags": 0}}, {"id": "2"}, {"id": "3", "owner_id": "9"}]
    joined.take("GUILD_CREATE", {"threads": threads})
    joined.take("THREAD_LIST_SYNC", {"members": [{"id": "4"}]})
    joined.take("THREAD_MEMBERS_UPDATE", {"id": "5", "added_members": [{"user_id": "9"}]})
    joined.take("THREAD_MEMBERS_UPDATE", {"id": "1", "removed_member_ids": ["9"]})
    joined.take("THREAD_DELETE", {"id": "4"})

    assert [each for each in "12345" if joined(each)] == ["3", "5"]
