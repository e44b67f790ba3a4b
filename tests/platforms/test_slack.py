"""A person on Slack and the bundled model: everything over the wire, by the real command."""

import pytest

from chatune_adapters.testing.slack import Channel, Message, SlackServer, Upload
from fakes.served import exported, serving
from fakes.shell import Shell
from fakes.wire import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


async def test_a_visit_of_everything(bundled: Shell) -> None:
    async with SlackServer.open() as server:
        team = server.add_team("Acme")
        bundled.environment.update(
            CHATUNE_SERVE__PLATFORMS='["slack"]',
            CHATUNE_SLACK__APP_TOKEN=team.app_token,
            CHATUNE_SLACK__BOT_TOKEN=team.bot_token,
            CHATUNE_SLACK__API_BASE=server.api_base,
        )
        ann, channel = server.add_user(team, "ann"), server.add_channel(team, "general")
        dm, hello = server.dm_with(ann), f"<@{team.bot_user_id}> "

        def answers(asked: Message) -> list[Message]:
            return [reply for reply in server.replies(asked) if "good" in str(reply.blocks)]

        def bots(place: Channel) -> list[Message]:
            return [one for one in server.messages(place) if one.user == team.bot_user_id]

        def private(place: Channel, text: str) -> bool:
            return any(text in one.text for one in bots(place) if one.ephemeral_for == ann.id)

        async with serving(bundled):
            await server.sockets.wait_for(1)

            # A mention is answered in its thread, while it is written, and ends with the buttons.
            asked = await server.say(ann, channel, f"{hello}Tell me about the capital of France.")
            await until(lambda: answers(asked))
            [answer] = answers(asked)
            assert "Paris" in answer.text
            assert answer.earlier, "it was shown before it was finished"

            # A direct message, and one more in the thread.
            first = await server.say(ann, dm, "What is the capital of Italy?")
            await server.say(ann, channel, f"{hello}And of Spain?", thread=asked)
            await until(lambda: len(bots(dm)) == 1 and len(answers(asked)) == 2)

            # The slash command; its answer is private.
            assert (await server.slash(ann, channel, "/chatune", "help model")).acked
            await until(lambda: private(channel, "Show or choose the model"))

            # Buttons: good, again, and a correction in a modal.
            await server.press(ann, answer, "bad")
            await until(lambda: private(channel, "Rated as bad"))
            [thanks] = [one for one in bots(channel) if "Rated as bad" in one.text]
            await server.press(ann, thanks, "say-why")
            await until(lambda: server.views)
            await server.submit_view(ann, server.views[0], {"text": "It is too long."})
            await until(lambda: private(channel, "Noted why"))
            await server.press(ann, answer, "good")
            await until(lambda: private(channel, "Changed to good"))
            await server.press(ann, answer, "correct")
            await until(lambda: server.views)
            begins = server.views[0].body["blocks"][0]["element"]["initial_value"]
            assert "Paris" in begins, "it begins with the answer"
            await server.submit_view(ann, server.views[0], {"text": "Paris, on the Seine."})
            await until(lambda: private(channel, "noted your correction"))
            await server.press(ann, answer, "again")
            await until(lambda: len(answers(asked)) == 3)
            await server.press(ann, answers(asked)[2], "keep-earlier")
            await until(lambda: private(channel, "I go on from the one before."))

            # A message from the menu, a file, and a reaction as a rating.
            said = await server.say(
                ann, channel, "The ships that sail at dawn bring salt and wool."
            )
            before = len(bots(channel))
            await server.message_shortcut(ann, said, "summarize")
            await until(lambda: len(bots(channel)) > before)
            assert bots(channel)[-1].ephemeral_for == ann.id
            notes = Upload("notes.txt", b"The meeting is on Monday.")
            await server.say(ann, dm, "What does the file say?", files=[notes])
            await until(lambda: len(bots(dm)) == 2)
            await until(lambda: "good" in str(bots(dm)[-1].blocks))
            assert "not read" not in bots(dm)[-1].text
            await server.react(ann, bots(dm)[-1], "thumbsdown")

            # An assistant thread: prompts, a status while it works, an answer.
            opened = await server.start_assistant_thread(ann)
            await until(lambda: server.assistant(opened).prompts)
            question = await server.say(ann, dm, "What is the capital of Portugal?", thread=opened)
            await until(lambda: answers(question))
            assert server.assistant_status(opened) == ""
            assert any(server.assistant(opened).statuses)
            assert first.ts

        records = await exported(bundled, f"slack:{team.id}:{ann.id}")

    ratings = {record["score"] for record in records if record["store"] == "ratings"}
    [correction] = [record for record in records if record["store"] == "corrections"]
    [preferred] = [record for record in records if record["store"] == "preferred_answers"]
    assert (preferred["how"], preferred["chosen"]) == ("again", correction["answers"])
    said_to_it = [r["text"] for r in records if r["store"] == "turns" and r["role"] == "user"]
    assert ratings == {1, -1}
    assert correction["text"] == "Paris, on the Seine."
    assert "Tell me about the capital of France." in said_to_it, (
        "the mention itself is not part of it"
    )
    assert any("The meeting is on Monday." in str(text) for text in said_to_it)
