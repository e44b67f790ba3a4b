"""A person on Discord and the bundled model: everything over the wire, by the real command."""

import pytest

from chatune_adapters.testing.discord import Channel, DiscordServer, Message
from fakes.served import exported, serving
from fakes.shell import Shell
from fakes.wire import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


async def test_a_visit_of_everything(bundled: Shell) -> None:
    async with DiscordServer.open() as server:
        bundled.environment.update(
            CHATUNE_SERVE__PLATFORMS='["discord"]',
            CHATUNE_DISCORD__TOKEN=server.settings.token,
            CHATUNE_DISCORD__API_BASE=server.api_base,
            CHATUNE_DISCORD__GATEWAY_URL=server.gateway_url,
        )
        guild, ann = server.add_guild("Guild"), server.add_user("ann")
        channel, dm = server.add_channel(guild, "general"), server.dm_with(ann)
        thread = server.add_thread(channel, "a thread", ann)
        hello = f"<@{server.bot.id}> "

        def bots(place: Channel) -> list[Message]:
            return [message for message in server.messages(place) if message.author.bot]

        def answers(place: Channel) -> list[Message]:
            return [message for message in bots(place) if "good" in str(message.components)]

        def shown(place: Channel, text: str) -> bool:
            return any(text in message.content for message in bots(place))

        async with serving(bundled):
            await until(lambda: server.ready_sessions and server.commands())

            # A mention is answered in a message that grows, and ends with the buttons.
            await server.say(ann, channel, f"{hello}Tell me about the capital of France.")
            await until(lambda: answers(channel))
            [answer] = answers(channel)
            assert "Paris" in answer.content
            assert answer.edits, "it was shown before it was finished"
            assert "stop" in str(answer.edits[0].components)

            # A direct message and a thread are conversations of their own.
            await server.say(ann, dm, "What is the capital of Italy?")
            await server.say(ann, thread, f"{hello}What is the capital of Spain?")
            await until(lambda: answers(dm) and answers(thread))

            # A slash command, with what it may be completed to; its answer is private.
            completed = await server.autocomplete(ann, channel, "help", "command", "mod")
            await completed.answered()
            assert [choice["value"] for choice in completed.choices] == ["model"]
            await server.slash(ann, channel, "help", {"command": "model"})
            await until(lambda: shown(channel, "Show or choose the model"))
            assert bots(channel)[-1].shown_to == ann

            # Buttons: good, again, and a correction in a modal.
            await server.press(ann, answer, "bad")
            await until(lambda: shown(channel, "Rated as bad"))
            [thanks] = [one for one in bots(channel) if "Rated as bad" in one.content]
            [row] = thanks.components
            pressed = await server.press(ann, thanks, row["components"][0]["custom_id"])
            await pressed.answered()
            await server.submit_modal(ann, pressed, {"text": "It is too long."})
            await until(lambda: shown(channel, "Noted why"))
            await server.press(ann, answer, "good")
            await until(lambda: shown(channel, "Changed to good"))
            pressed = await server.press(ann, answer, "correct")
            await pressed.answered()
            assert pressed.modal is not None
            assert answer.content[:40] in str(pressed.modal["components"]), (
                "it begins with the answer"
            )
            await server.submit_modal(ann, pressed, {"text": "Paris, on the Seine."})
            await until(lambda: shown(channel, "noted your correction"))
            await server.press(ann, answer, "again")
            await until(lambda: len(answers(channel)) == 2)
            await server.press(ann, answers(channel)[1], "keep-earlier")
            await until(lambda: shown(channel, "I go on from the one before."))

            # A message from the menu, a file, and a reaction as a rating.
            said = await server.say(
                ann, channel, "The ships that sail at dawn bring salt and wool."
            )
            await server.context_menu(ann, said, "Summarize")
            await until(lambda: bots(channel)[-1].shown_to == ann and bots(channel)[-1].content)
            notes = ("notes.txt", "text/plain", b"The meeting is on Monday.")
            await server.say(ann, dm, "What does the file say?", attachments=[notes])
            await until(lambda: len(answers(dm)) == 2)
            assert "not read" not in answers(dm)[-1].content
            await server.react(ann, answers(dm)[-1], "👎")
            await server.say(ann, dm, "/help good")
            await until(lambda: shown(dm, "Rate the last answer as good."))

        records = await exported(bundled, f"discord:{ann.id}")

    ratings = {record["score"] for record in records if record["store"] == "ratings"}
    [correction] = [record for record in records if record["store"] == "corrections"]
    [preferred] = [record for record in records if record["store"] == "preferred_answers"]
    assert (preferred["how"], preferred["chosen"]) == ("again", correction["answers"])
    asked = [r["text"] for r in records if r["store"] == "turns" and r["role"] == "user"]
    assert ratings == {1, -1}
    assert correction["text"] == "Paris, on the Seine."
    assert "Tell me about the capital of France." in asked, "the mention itself is not part of it"
    assert any("The meeting is on Monday." in str(text) for text in asked)
