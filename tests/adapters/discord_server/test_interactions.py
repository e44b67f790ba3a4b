"""Interactions: commands, buttons, modals, and the rules of answering."""

from datetime import timedelta
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from adapters.discord_server.harness import Bot, Json, Place, Wire, running
from chatune_adapters.testing.discord import Callback, DiscordServer, Interaction, Settings

pytestmark = pytest.mark.anyio
ROLL: Json = {
    "name": "roll",
    "description": "Roll a die.",
    "options": [
        {"type": 4, "name": "sides", "description": "How many.", "required": True, "min_value": 2},
        {
            "type": 3,
            "name": "colour",
            "description": "Which.",
            "choices": [{"name": "Red", "value": "red"}],
        },
    ],
}
MENU: Json = {"name": "Summarize", "type": 3}


class Correction(discord.ui.Modal, title="Correct it"):
    better: discord.ui.TextInput["Correction"] = discord.ui.TextInput(
        label="Better", custom_id="better", max_length=10
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"noted {self.better.value}", ephemeral=True)


class Rating(discord.ui.View):
    @discord.ui.button(label="Good", custom_id="good")
    async def good(self, interaction: discord.Interaction, button: discord.ui.Button[Any]) -> None:
        await interaction.response.edit_message(content="rated", view=None)

    @discord.ui.button(label="Wrong", custom_id="wrong")
    async def wrong(self, interaction: discord.Interaction, button: discord.ui.Button[Any]) -> None:
        await interaction.response.send_modal(Correction(custom_id="correction"))


class Dice(Bot):
    """A bot with commands, a menu, buttons and a modal."""

    async def setup_hook(self) -> None:
        tree = app_commands.CommandTree(self)

        @tree.command(description="Roll a die.")
        async def roll(interaction: discord.Interaction, sides: int) -> None:
            await interaction.response.send_message(f"1 of {sides}", view=Rating(timeout=None))

        @roll.autocomplete("sides")
        async def _(
            interaction: discord.Interaction, current: str
        ) -> list[app_commands.Choice[int]]:
            return [app_commands.Choice(name=f"{current}0", value=10)]

        @tree.command(description="Take a while.")
        async def think(interaction: discord.Interaction) -> None:
            await interaction.response.defer(ephemeral=True, thinking=True)
            await interaction.edit_original_response(content="thought")
            await interaction.followup.send("and more", ephemeral=True)

        @tree.context_menu(name="Summarize")
        async def summarize(interaction: discord.Interaction, message: discord.Message) -> None:
            await interaction.response.send_message(f"short: {message.content}")

        await tree.sync()


async def _answered(interaction: Interaction) -> Interaction:
    return await interaction.answered()


async def test_the_commands_that_a_bot_registers_are_in_the_record(
    server: DiscordServer, place: Place
) -> None:
    async with running(Dice(), server):
        pass

    assert {command["name"]: command["type"] for command in server.commands()} == {
        "roll": 1,
        "think": 1,
        "Summarize": 3,
    }


async def test_a_slash_command_reaches_discord_py_and_its_answer_is_shown(
    server: DiscordServer, place: Place
) -> None:
    async with running(Dice(), server):
        interaction = await server.slash(place.ada, place.channel, "roll", {"sides": 6})
        await interaction.answered()

    (message,) = server.messages(place.channel)
    assert message is interaction.response
    assert (message.content, message.custom_ids) == ("1 of 6", ["good", "wrong"])


async def test_a_deferred_answer_shows_that_the_bot_thinks_and_is_then_filled(
    server: DiscordServer, place: Place
) -> None:
    async with running(Dice(), server):
        interaction = await server.slash(place.ada, place.dm, "think")
        await interaction.answered()
        assert interaction.callback is Callback.DEFERRED_MESSAGE
        await server.until(lambda: len(interaction.messages) == 2)

    assert [m.content for m in server.messages(place.dm)] == ["thought", "and more"]
    assert all(m.ephemeral and m.shown_to is place.ada for m in server.messages(place.dm))
    assert not any(m.loading for m in server.messages(place.dm))


async def test_an_ephemeral_answer_is_neither_dispatched_nor_listed(
    server: DiscordServer, place: Place, wire: Wire
) -> None:
    async with running(Dice(), server) as bot:
        interaction = await server.slash(place.ada, place.channel, "think")
        await server.until(lambda: len(interaction.messages) == 2)
        await server.say(place.ada, place.channel, "after")
        await bot.until(lambda: bot.heard)
        listed = await wire.call("GET", f"/channels/{place.channel.id}/messages")

    assert [m["content"] for m in listed.body] == ["after"]
    assert bot.count("message") == 1


async def test_a_context_menu_brings_the_message(server: DiscordServer, place: Place) -> None:
    async with running(Dice(), server):
        message = await server.say(place.ada, place.channel, "long story")
        interaction = await server.context_menu(place.ada, message, "Summarize")
        await interaction.answered()

    assert interaction.response is not None
    assert interaction.response.content == "short: long story"


async def test_autocomplete_offers_choices(server: DiscordServer, place: Place) -> None:
    async with running(Dice(), server):
        interaction = await server.autocomplete(place.ada, place.channel, "roll", "sides", "1")
        await interaction.answered()

    assert [(choice["name"], choice["value"]) for choice in interaction.choices] == [("10", 10)]


async def test_a_button_changes_its_message(server: DiscordServer, place: Place) -> None:
    async with running(Dice(), server):
        rolled = await _answered(await server.slash(place.ada, place.channel, "roll", {"sides": 6}))
        assert rolled.response is not None
        pressed = await server.press(place.ada, rolled.response, "good")
        await pressed.answered()

    (message,) = server.messages(place.channel)
    assert (message.content, message.components) == ("rated", [])
    assert message.edits[0].content == "1 of 6"


async def test_a_modal_is_filled_in_and_submitted(server: DiscordServer, place: Place) -> None:
    async with running(Dice(), server):
        rolled = await _answered(await server.slash(place.ada, place.channel, "roll", {"sides": 6}))
        assert rolled.response is not None
        pressed = await _answered(await server.press(place.ada, rolled.response, "wrong"))
        assert pressed.modal is not None
        submitted = await server.submit_modal(place.ada, pressed, {"better": "seven"})
        await submitted.answered()

    assert submitted.response is not None
    assert (submitted.response.content, submitted.response.ephemeral) == ("noted seven", True)


async def test_people_cannot_do_what_the_screen_does_not_offer(
    server: DiscordServer, place: Place
) -> None:
    async with running(Dice(), server):
        rolled = await _answered(await server.slash(place.ada, place.channel, "roll", {"sides": 6}))
        message = rolled.response
        assert message is not None
        with pytest.raises(LookupError):
            await server.press(place.ada, message, "no such button")
        with pytest.raises(LookupError):
            await server.slash(place.ada, place.channel, "no such command")
        with pytest.raises(ValueError, match="requires"):
            await server.slash(place.ada, place.channel, "roll")
        with pytest.raises(ValueError, match="does not fit"):
            await server.slash(place.ada, place.channel, "roll", {"sides": "six"})
        pressed = await _answered(await server.press(place.ada, message, "wrong"))
        with pytest.raises(LookupError):
            await server.submit_modal(server.add_user("eve"), pressed, {"better": "x"})
        with pytest.raises(LookupError):
            await server.submit_modal(place.ada, pressed, {"better": "x", "other": "x"})
        with pytest.raises(ValueError, match="is required"):
            await server.submit_modal(place.ada, pressed, {})
        with pytest.raises(ValueError, match="takes 0 to 10"):
            await server.submit_modal(place.ada, pressed, {"better": "x" * 11})


async def _registered(wire: Wire, *commands: Json) -> None:
    path = f"/applications/{wire.server.bot.id}/commands"
    assert (await wire.call("PUT", path, list(commands))).status == 200


def _callback(interaction: Interaction) -> str:
    return f"/interactions/{interaction.id}/{interaction.token}/callback"


def _hook(wire: Wire, interaction: Interaction, rest: str = "") -> str:
    return f"/webhooks/{wire.server.bot.id}/{interaction.token}{rest}"


def says(text: str, **more: object) -> Json:
    return {"type": 4, "data": {"content": text, **more}}


async def test_a_second_first_answer_is_refused_with_40060(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    await _registered(wire, ROLL)
    interaction = await server.slash(place.ada, place.channel, "roll", {"sides": 6})

    first = await wire.call("POST", _callback(interaction), says("one"))
    second = await wire.call("POST", _callback(interaction), says("two"))

    assert first.status == 204
    assert (second.status, second.code) == (400, 40060)
    assert [m.content for m in server.messages(place.channel)] == ["one"]


async def test_an_unknown_interaction_is_refused_with_10062(wire: Wire) -> None:
    answer = await wire.call("POST", "/interactions/1/none/callback", says("x"))

    assert (answer.status, answer.code) == (404, 10062)


@pytest.mark.parametrize(("after", "code"), [(3.0, None), (3.1, 10062)])
async def test_the_first_answer_must_come_in_three_seconds(after: float, code: int | None) -> None:
    now = [1_800_000_000.0]
    async with (
        DiscordServer.open(clock=lambda: now[0]) as server,
        aiohttp.ClientSession() as http,
    ):
        wire, ada = Wire(server, http), server.add_user("ada")
        await _registered(wire, ROLL)
        interaction = await server.slash(ada, server.dm_with(ada), "roll", {"sides": 6})
        now[0] += after

        answer = await wire.call("POST", _callback(interaction), says("x"))

    assert (answer.body["code"] if answer.body else None) == code


@pytest.mark.parametrize(("minutes", "status"), [(15, 200), (15.1, 401)])
async def test_the_token_lives_for_fifteen_minutes(minutes: float, status: int) -> None:
    now = [1_800_000_000.0]
    async with (
        DiscordServer.open(clock=lambda: now[0]) as server,
        aiohttp.ClientSession() as http,
    ):
        wire, ada = Wire(server, http), server.add_user("ada")
        await _registered(wire, ROLL)
        interaction = await server.slash(ada, server.dm_with(ada), "roll", {"sides": 6})
        await wire.call("POST", _callback(interaction), says("x"))
        now[0] += minutes * 60

        answer = await wire.call("POST", _hook(wire, interaction), {"content": "more"})

    assert answer.status == status


async def test_the_times_are_settings() -> None:
    hasty = Settings(first_response_within=timedelta(0))
    now = [1_800_000_000.0]
    async with (
        DiscordServer.open(hasty, clock=lambda: now[0]) as server,
        aiohttp.ClientSession() as http,
    ):
        wire, ada = Wire(server, http), server.add_user("ada")
        await _registered(wire, ROLL)
        interaction = await server.slash(ada, server.dm_with(ada), "roll", {"sides": 6})
        now[0] += 0.001

        answer = await wire.call("POST", _callback(interaction), says("x"))

    assert answer.code == 10062


async def test_nothing_follows_before_the_first_answer(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    await _registered(wire, ROLL)
    interaction = await server.slash(place.ada, place.channel, "roll", {"sides": 6})

    answer = await wire.call("POST", _hook(wire, interaction), {"content": "early"})

    assert (answer.status, answer.code) == (404, 10015)


async def test_messages_of_an_interaction_are_read_edited_and_deleted_by_its_token(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    await _registered(wire, ROLL)
    interaction = await server.slash(place.ada, place.channel, "roll", {"sides": 6})
    await wire.call("POST", _callback(interaction), says("one", flags=64))
    original = _hook(wire, interaction, "/messages/@original")

    read = await wire.call("GET", original)
    await wire.call("PATCH", original, {"content": "two"})
    more = await wire.call("POST", _hook(wire, interaction), {"content": "more"})
    await wire.call(
        "PATCH",
        _hook(wire, interaction, f"/messages/{more.body['id']}"),
        says("")["data"] | {"content": "most"},
    )
    texts = [message.content for message in server.messages(place.channel)]
    await wire.call("DELETE", original)
    gone = await wire.call("GET", original)

    assert read.body["content"] == "one"
    assert texts == ["two", "most"]
    assert (gone.status, gone.code) == (404, 10008)
    assert [m.content for m in server.messages(place.channel)] == ["most"]


async def test_with_response_describes_what_was_made(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    await _registered(wire, ROLL)
    interaction = await server.slash(place.ada, place.channel, "roll", {"sides": 6})

    path = _callback(interaction) + "?with_response=1"
    answer = await wire.call("POST", path, says("x", flags=64))

    assert answer.status == 200
    assert answer.body["interaction"]["response_message_ephemeral"] is True
    assert answer.body["resource"]["message"]["content"] == "x"


@pytest.mark.parametrize("kind", [1, 6, 7, 8, 99, None, "4"])
async def test_a_callback_that_does_not_fit_a_command_is_refused(
    wire: Wire, server: DiscordServer, place: Place, kind: object
) -> None:
    await _registered(wire, ROLL)
    interaction = await server.slash(place.ada, place.channel, "roll", {"sides": 6})

    answer = await wire.call("POST", _callback(interaction), {"type": kind, "data": {}})

    assert (answer.status, answer.code) == (400, 50035)
    assert interaction.callback is None


async def test_a_refused_answer_leaves_the_interaction_open(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    await _registered(wire, ROLL)
    interaction = await server.slash(place.ada, place.channel, "roll", {"sides": 6})

    refused = await wire.call("POST", _callback(interaction), says("x" * 2001))
    accepted = await wire.call("POST", _callback(interaction), says("x"))

    assert (refused.code, accepted.status) == (50035, 204)


@pytest.mark.parametrize(
    "modal",
    [
        {"custom_id": "m", "title": "t" * 46, "components": [{"type": 1, "components": []}]},
        {"custom_id": "", "title": "t", "components": [{"type": 1, "components": []}]},
        {"custom_id": "m", "title": "t", "components": []},
        {"custom_id": "m", "title": "t", "components": [{"type": 1}] * 6},
    ],
)
async def test_a_modal_past_a_limit_is_refused(
    wire: Wire, server: DiscordServer, place: Place, modal: Json
) -> None:
    await _registered(wire, ROLL)
    interaction = await server.slash(place.ada, place.channel, "roll", {"sides": 6})

    answer = await wire.call("POST", _callback(interaction), {"type": 9, "data": modal})

    assert (answer.status, answer.code) == (400, 50035)


async def test_more_than_25_choices_are_refused(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    await _registered(wire, ROLL)
    interaction = await server.autocomplete(place.ada, place.channel, "roll", "sides", "1")
    choices = [{"name": str(n), "value": n} for n in range(26)]

    answer = await wire.call(
        "POST", _callback(interaction), {"type": 8, "data": {"choices": choices}}
    )

    assert (answer.status, answer.code) == (400, 50035)


async def test_registering_again_keeps_the_ids_and_replaces_the_rest(
    wire: Wire, server: DiscordServer
) -> None:
    await _registered(wire, ROLL, MENU)
    before = {command["name"]: command["id"] for command in server.commands()}

    await _registered(wire, ROLL)

    assert [(c["name"], c["id"]) for c in server.commands()] == [("roll", before["roll"])]


async def test_a_command_of_a_guild_is_used_there_only(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    path = f"/applications/{server.bot.id}/guilds/{place.guild.id}/commands"
    await wire.call("PUT", path, [ROLL])

    there = await server.slash(place.ada, place.channel, "roll", {"sides": 6})

    assert there.data["guild_id"] == str(place.guild.id)
    with pytest.raises(LookupError):
        await server.slash(place.ada, place.dm, "roll", {"sides": 6})


@pytest.mark.parametrize(
    "commands",
    [
        [{"name": "Roll", "description": "x"}],
        [{"name": "roll it", "description": "x"}],
        [{"name": "roll", "description": ""}],
        [{"name": "roll", "description": "x" * 101}],
        [ROLL, ROLL],
    ],
    ids=["capital", "space", "no description", "long description", "twice"],
)
async def test_an_unfit_command_is_refused_and_nothing_is_registered(
    wire: Wire, server: DiscordServer, commands: list[Json]
) -> None:
    answer = await wire.call("PUT", f"/applications/{server.bot.id}/commands", commands)

    assert (answer.status, answer.code) == (400, 50035)
    assert server.commands() == []


async def test_an_interaction_goes_to_one_session_only(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    await _registered(wire, ROLL)
    sockets = [await wire.connect() for _ in range(2)]
    for socket in sockets:
        await socket.ready(wire.token)

    await server.slash(place.ada, place.channel, "roll", {"sides": 6})
    await server.say(place.ada, place.channel, "after")
    names = []
    for socket in sockets:
        await socket.expect("GUILD_CREATE")
        names.append((await socket.receive())["t"])

    assert sorted(names) == ["INTERACTION_CREATE", "MESSAGE_CREATE"]
