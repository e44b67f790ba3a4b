from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.discord.rig import place
from chatune_adapters.discord.install import PERMISSIONS, check, invite_link
from chatune_adapters.testing.discord import DiscordServer, Intent, Permission, faults

pytestmark = pytest.mark.anyio


async def test_the_invite_link_asks_for_exactly_the_permissions_that_are_used() -> None:
    async with place() as at:
        link = invite_link(at.settings(), "123")

        query = parse_qs(urlsplit(link).query)
        assert query == {
            "client_id": ["123"],
            "scope": ["bot applications.commands"],
            "permissions": [str(1 << 10 | 1 << 11 | 1 << 15 | 1 << 16 | 1 << 38)],
        }
        assert len(PERMISSIONS) == 5


async def test_a_bot_that_moderates_asks_for_the_measures_too() -> None:
    async with place() as at:
        link = invite_link(at.settings(moderates=True), "123")

        asked = int(parse_qs(urlsplit(link).query)["permissions"][0])
        assert asked & ~sum(PERMISSIONS.values()) == 1 << 4 | 1 << 6 | 1 << 13 | 1 << 40


async def test_a_missing_measure_is_found_only_where_channels_are_watched() -> None:
    async with place() as at:
        at.guild.withheld = Permission.MODERATE_MEMBERS | Permission.MANAGE_MESSAGES
        [missing] = [each for each in await check(at.settings(moderates=True)) if not each.ok]

        assert "may not: Manage Messages, Timeout Members." in missing.problem
        assert "oauth2/authorize" in missing.remedy
        assert all(finding.ok for finding in await check(at.settings()))


async def test_a_bot_that_moderates_needs_the_message_content_intent() -> None:
    async with place(privileged=Intent(0)) as at:
        [missing] = [each for each in await check(at.settings(moderates=True)) if not each.ok]

        assert "message content" in missing.problem
        assert "moderation.places" in missing.remedy


async def test_a_bot_that_is_set_up_has_nothing_to_mend() -> None:
    async with place() as at:
        findings = await check(at.settings(message_content=True))

        assert all(finding.ok for finding in findings)
        assert "chatune" in findings[0].problem


async def test_a_wrong_token_is_found() -> None:
    async with place() as at:
        [finding] = await check(at.settings(token="wrong"))

        assert not finding.ok
        assert "Reset Token" in finding.remedy


async def test_a_missing_intent_is_found_only_if_it_is_asked_for() -> None:
    async with place(privileged=Intent(0)) as at:
        asked = await check(at.settings(message_content=True))
        content = [finding for finding in asked if not finding.ok]

        assert ["message content" in finding.problem for finding in content] == [True]
        assert all(finding.ok for finding in await check(at.settings()))


async def test_a_bot_without_a_server_is_told_the_link() -> None:
    async with DiscordServer.open() as server:
        from chatune_adapters.discord.settings import DiscordSettings

        settings = DiscordSettings(server.settings.token, api_url=server.api_base)
        findings = await check(settings)

        [finding] = [each for each in findings if not each.ok]
        assert "oauth2/authorize" in finding.remedy


async def test_an_outage_is_told_as_one() -> None:
    async with place() as at:
        at.server.faults.add(faults.Refuse(503), on="GET /users/@me")
        [finding] = await check(at.settings())

        assert "cannot be reached" in finding.problem
