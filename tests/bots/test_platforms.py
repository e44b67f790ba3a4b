"""Bringing the bot to Discord and Slack: `init`, `doctor`, `serve` and its health page."""

import json
import socket
from functools import partial
from typing import Any

import aiohttp
import anyio
import pytest
from anyio import to_thread

from chatune_adapters.discord.install import PERMISSIONS
from chatune_adapters.slack.manifest import EVENTS, FLAGS, SCOPES
from chatune_adapters.testing.discord import DiscordServer, Intent, faults
from chatune_adapters.testing.discord import Settings as DiscordWorld
from chatune_adapters.testing.slack import ServerError, SlackServer, Team
from chatune_bots.moderation_settings import MeasureSection
from fakes.served import serving
from fakes.shell import Ran, Shell
from fakes.wire import until

over_the_wire = pytest.mark.anyio
SECRET = "MTIzNDU2.secret.part"  # its first part is the id 123456 in base64


def on_discord(shell: Shell, server: DiscordServer, token: str | None = None) -> None:
    shell.environment.update(
        CHATUNE_SERVE__PLATFORMS='["discord"]',
        CHATUNE_DISCORD__TOKEN=token or server.settings.token,
        CHATUNE_DISCORD__API_BASE=server.api_base,
        CHATUNE_DISCORD__GATEWAY_URL=server.gateway_url,
    )


def on_slack(shell: Shell, server: SlackServer, team: Team) -> None:
    shell.environment.update(
        CHATUNE_SERVE__PLATFORMS='["slack"]',
        CHATUNE_SLACK__APP_TOKEN=team.app_token,
        CHATUNE_SLACK__BOT_TOKEN=team.bot_token,
        CHATUNE_SLACK__API_BASE=server.api_base,
    )


async def doctor(shell: Shell) -> Ran:
    return await to_thread.run_sync(partial(shell.run, "doctor"))


def problems(ran: Ran) -> list[str]:
    return [line for line in ran.out.splitlines() if line.startswith("problem")]


# init


def test_without_a_token_the_way_to_one_is_shown(shell: Shell) -> None:
    ran = shell.run("init", "discord")

    assert ran.code == 0
    assert "New Application; then Bot, Reset Token" in ran.out
    assert "export CHATUNE_DISCORD__TOKEN=" in ran.out
    assert 'platforms = ["discord"]' in ran.out
    assert "client_id" not in ran.out


def test_with_a_token_the_invite_link_asks_for_what_is_used_and_no_more(shell: Shell) -> None:
    shell.environment["CHATUNE_DISCORD__TOKEN"] = SECRET

    ran = shell.run("init", "discord")

    asked = sum(PERMISSIONS.values())
    assert "client_id=123456&scope=bot+applications.commands" in ran.out
    assert f"permissions={asked}\n" in ran.out
    assert all(name in ran.out for name in PERMISSIONS)
    assert "secret" not in ran.out + ran.errors


def test_the_manifest_of_the_slack_app_names_every_scope_event_and_shortcut(shell: Shell) -> None:
    shell.configure('[bot]\nname = "Rex"\n\n[slack]\ncommand = "/rex"\n')

    ran = shell.run("init", "slack")

    manifest = json.loads((shell.folder / "slack-manifest.json").read_text())
    assert ran.code == 0
    assert "export CHATUNE_SLACK__BOT_TOKEN=" in ran.out
    assert manifest["display_information"]["name"] == "Rex"
    assert manifest["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)
    assert manifest["settings"]["socket_mode_enabled"]
    [command] = manifest["features"]["slash_commands"]
    assert command["command"] == "/rex"
    titles = {one["name"] for one in manifest["features"]["shortcuts"]}
    assert {"Help", "Summarize", "Rewrite", "Report"} <= titles


def test_where_slack_is_watched_the_manifest_asks_for_what_the_measures_take(
    shell: Shell,
) -> None:
    place = """
    [moderation.places."slack:T1:C1"]
    watch = true
    review = "slack:T1:C2"
    """
    flags = ", ".join(f'{one} = ["flag"]' for one in MeasureSection.model_fields)
    manifests, said = [], []
    for measures in ("", f"measures = {{{flags}}}"):
        shell.configure(place + measures)
        said.append(shell.run("init", "slack").out)
        file = shell.folder / "slack-manifest.json"
        manifests.append(json.loads(file.read_text())["oauth_config"]["scopes"])
        file.unlink()

    removing, flagging = manifests
    assert set(removing["bot"]) - set(SCOPES) == {FLAGS}
    assert set(flagging["bot"]) - set(SCOPES) == {FLAGS}
    assert (removing["user"], "user" in flagging) == (["chat:write"], False)
    assert "export CHATUNE_SLACK__MODERATOR_TOKEN=xoxp-..." in said[0]
    assert "MODERATOR_TOKEN" not in said[1]


def test_the_manifest_for_http_has_its_addresses(shell: Shell) -> None:
    shell.configure(
        '[slack]\nlisten = "127.0.0.1:3000"\npublic_url = "https://bot.example.com"\n'
        'client_id = "1.2"\nclient_secret = "hidden"\n'
    )

    ran = shell.run("init", "slack")

    text = (shell.folder / "slack-manifest.json").read_text()
    manifest = json.loads(text)
    url = "https://bot.example.com/slack/events"
    assert manifest["settings"]["event_subscriptions"]["request_url"] == url
    assert manifest["oauth_config"]["redirect_urls"] == [
        "https://bot.example.com/slack/oauth_redirect"
    ]
    assert "CHATUNE_SLACK__SIGNING_SECRET" in ran.out
    assert "hidden" not in text + ran.out + ran.errors


def test_a_manifest_that_lies_there_is_never_replaced_by_another(shell: Shell) -> None:
    file = shell.folder / "slack-manifest.json"
    shell.run("init", "slack")
    ours = file.read_text()

    again = shell.run("init", "slack")
    file.write_text("{}")
    refused = shell.run("init", "slack")

    assert again.code == 0, "the same manifest is nothing in the way"
    assert ours.startswith("{")
    assert refused.code == 2
    assert len(refused.errors.splitlines()) == 1
    assert "move it away first" in refused.errors
    assert file.read_text() == "{}"


def test_a_platform_that_there_is_not_is_one_line(shell: Shell) -> None:
    ran = shell.run("init", "telegram")

    assert ran.code == 2
    assert ran.errors.splitlines() == [
        "chatune: There is no platform 'telegram'. Known: discord, slack."
    ]
    assert list(shell.folder.iterdir()) == []


# doctor


@over_the_wire
async def test_the_doctor_finds_nothing_wrong_with_a_bot_that_is_set_up(served: Shell) -> None:
    async with DiscordServer.open() as server:
        server.add_guild("Office")
        on_discord(served, server)

        ran = await doctor(served)

    assert (ran.code, problems(ran)) == (0, [])
    assert "The bot may do what it needs in 'Office'." in ran.out


@over_the_wire
async def test_a_token_that_discord_does_not_know_is_a_line_with_the_way_to_a_new_one(
    served: Shell,
) -> None:
    async with DiscordServer.open() as server:
        on_discord(served, server, SECRET)

        ran = await doctor(served)

    [problem] = problems(ran)
    assert ran.code == 1
    assert "Discord does not accept the bot's token" in problem
    assert "choose the application, Bot, Reset Token" in problem
    assert "secret" not in ran.out + ran.errors


@over_the_wire
async def test_a_missing_intent_and_a_bot_in_no_server_are_lines_of_their_own(
    served: Shell,
) -> None:
    async with DiscordServer.open(DiscordWorld(privileged=Intent(0))) as server:
        on_discord(served, server)
        served.environment["CHATUNE_DISCORD__MESSAGE_CONTENT"] = "true"

        ran = await doctor(served)

    intent, lonely = problems(ran)
    assert "switch on Message Content Intent" in intent
    assert "The bot is in no server." in lonely
    assert "client_id=" in lonely


@over_the_wire
async def test_a_missing_token_says_what_to_run(served: Shell) -> None:
    served.environment["CHATUNE_SERVE__PLATFORMS"] = '["discord"]'

    ran = await doctor(served)

    [problem] = problems(ran)
    assert "Run `chatune init discord`" in problem


@over_the_wire
async def test_a_missing_slack_scope_is_named_with_its_use_and_where_to_click(
    served: Shell,
) -> None:
    async with SlackServer.open() as server:
        team = server.add_team("Acme")
        team.scopes -= {"files:read"}
        on_slack(served, server, team)

        ran = await doctor(served)

    [problem] = problems(ran)
    assert ran.code == 1
    assert "The scope files:read is missing: read what people attach." in problem
    assert "OAuth & Permissions, Scopes, Add an OAuth Scope, then Reinstall" in problem


@over_the_wire
async def test_a_revoked_slack_token_is_a_line_with_the_way_to_a_new_one(served: Shell) -> None:
    async with SlackServer.open() as server:
        team = server.add_team("Acme")
        on_slack(served, server, team)
        await server.revoke(team)

        ran = await doctor(served)

    [problem] = problems(ran)
    assert "Slack refused the bot token (token_revoked)." in problem
    assert "choose the app, Install App" in problem
    assert team.bot_token not in ran.out + ran.errors


# serve


@over_the_wire
async def test_a_token_that_is_reset_while_the_bot_runs_ends_it_with_one_line(
    served: Shell,
) -> None:
    async with DiscordServer.open() as server:
        on_discord(served, server)
        running = served.serving()
        bot = await to_thread.run_sync(running.__enter__)
        try:
            await server.until(lambda: server.ready_sessions == 1)
            server.revoke_token()
            server.faults.now(faults.CloseWith(4004))
            said = await to_thread.run_sync(lambda: list(iter(bot.remark, "")))
            code, _ = await to_thread.run_sync(bot.told_to_end)
        finally:
            await to_thread.run_sync(running.__exit__, None, None, None)

    assert code == 1
    assert "Discord does not accept the bot's token" in said[-1]
    assert "Bot, Reset Token" in said[-1]


# health


@over_the_wire
async def test_the_health_page_says_whether_each_platform_is_connected_and_as_whom(
    served: Shell,
) -> None:
    async with SlackServer.open() as server, aiohttp.ClientSession() as browser:
        on_slack(served, server, server.add_team("Acme"))
        served.environment["CHATUNE_SERVE__HEALTH"] = address = f"127.0.0.1:{free_port()}"
        outage = server.faults.add(ServerError(503), "apps.connections.open", times=None)

        async def seen() -> tuple[int, dict[str, Any]]:
            async with browser.get(f"http://{address}/health") as answer:
                return answer.status, await answer.json()

        async with serving(served):
            await until(lambda: outage.met)
            ill = await seen()
            server.faults.clear()
            await server.sockets.wait_for(1)
            with anyio.fail_after(30):
                while (well := await seen())[0] != 200:  # noqa: ASYNC110 - another process
                    await anyio.sleep(0.01)

    assert (ill[0], ill[1]["status"]) == (503, "degraded")
    assert not ill[1]["platforms"]["slack"]["connected"]
    slack = well[1]["platforms"]["slack"]
    assert (well[1]["status"], slack["detail"]) == ("ok", "bot in Acme")
    assert slack["silent_s"] < 30


@over_the_wire
async def test_an_address_that_is_taken_stops_the_start_with_one_line(served: Shell) -> None:
    async with DiscordServer.open() as server:
        on_discord(served, server)
        taken = server.api_base.split("/")[2]
        served.environment["CHATUNE_SERVE__HEALTH"] = taken

        ran = await to_thread.run_sync(partial(served.run, "serve"))

    assert ran.code == 1
    assert f"serve.health cannot listen at {taken}" in ran.errors
    assert "Choose another port." in ran.errors


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
