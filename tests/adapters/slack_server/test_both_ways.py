"""An unmodified Bolt app talks with the server, over Socket Mode and over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_bolt.context.say.async_say import AsyncSay
from slack_bolt.context.set_status.async_set_status import AsyncSetStatus
from slack_bolt.context.set_suggested_prompts.async_set_suggested_prompts import (
    AsyncSetSuggestedPrompts,
)
from slack_bolt.middleware.assistant.async_assistant import AsyncAssistant
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack_server.place import Place, bolt_app, connected, listening
from chatune_adapters.testing.slack import Upload

pytestmark = pytest.mark.anyio
Body = dict[str, Any]

ASK: Body = {
    "type": "modal",
    "callback_id": "correct",
    "title": {"type": "plain_text", "text": "Correct it"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "better",
            "label": {"type": "plain_text", "text": "Better"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        }
    ],
}
BUTTONS: list[Body] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "hello"}},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": name,
                "value": name,
                "text": {"type": "plain_text", "text": name},
            }
            for name in ("good", "correct")
        ],
    },
]


@pytest.fixture(params=["socket mode", "http"])
async def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def running(place: Place, app: AsyncApp, way: str) -> AsyncIterator[None]:
    place.subscribe("app_mention", "message.im", "reaction_added", "assistant_thread_started")
    if way == "http":
        async with listening(place, app):
            assert await place.server.verify_url()
            yield
    else:
        async with connected(place, app):
            yield


async def test_a_mention_is_answered_in_its_thread(place: Place, way: str) -> None:
    app = bolt_app(place)

    @app.event("app_mention")
    async def answer(event: dict[str, str], say: AsyncSay) -> None:
        await say(f"you said {event['text']}", thread_ts=event["ts"])

    async with running(place, app, way):
        asked = await place.server.say(place.ada, place.channel, place.mention("hello"))
        await place.server.settled()

    (reply,) = place.server.replies(asked)
    assert reply.text == f"you said {place.mention('hello')}"
    assert place.server.messages(place.channel, asked) == [asked, reply]


async def test_a_slash_command_is_answered_to_its_user_alone(place: Place, way: str) -> None:
    app = bolt_app(place)

    @app.command("/ask")
    async def ask(ack: AsyncAck, command: dict[str, str], respond: AsyncRespond) -> None:
        await ack("looking")
        await respond(f"found {command['text']}", response_type="in_channel")

    async with running(place, app, way):
        answer = await place.server.slash(place.ada, place.channel, "/ask", "tea")

    assert answer.acked
    shown = {one.text: one.ephemeral_for for one in place.server.messages(place.channel)}
    assert shown == {"looking": place.ada.id, "found tea": None}


async def test_a_button_opens_a_modal_and_the_modal_is_checked(place: Place, way: str) -> None:
    app = bolt_app(place)

    @app.action("correct")
    async def correct(ack: AsyncAck, body: dict[str, str], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=ASK)

    @app.view("correct")
    async def take(ack: AsyncAck, view: Body) -> None:
        if view["state"]["values"]["better"]["text"]["value"] == "worse":
            await ack(response_action="errors", errors={"better": "no"})
        else:
            await ack()

    async with running(place, app, way):
        await place.client.chat_postMessage(channel=place.channel.id, text="hello", blocks=BUTTONS)
        (message,) = place.server.messages(place.channel)
        pressed = await place.server.press(place.ada, message, "correct")
        (view,) = place.server.views
        refused = await place.server.submit_view(place.ada, view, {"text": "worse"})
        assert refused.errors == {"better": "no"}
        assert place.server.views == [view]
        taken = await place.server.submit_view(place.ada, view, {"text": "better"})

    assert pressed.acked
    assert taken.acked
    assert place.server.views == []


async def test_shortcuts_reach_the_app(place: Place, way: str) -> None:
    app = bolt_app(place)
    seen: list[str] = []

    @app.shortcut("new")
    async def new(ack: AsyncAck) -> None:
        seen.append("global")
        await ack()

    @app.message_shortcut("summarize")
    async def summarize(ack: AsyncAck, shortcut: Body, respond: AsyncRespond) -> None:
        seen.append(str(shortcut["message"]["text"]))
        await ack()
        await respond("short", response_type="ephemeral")

    async with running(place, app, way):
        said = await place.server.say(place.ada, place.channel, "a long story")
        assert (await place.server.shortcut(place.ada, "new")).acked
        assert (await place.server.message_shortcut(place.ada, said, "summarize")).acked

    assert seen == ["global", "a long story"]
    assert place.server.messages(place.channel)[-1].ephemeral_for == place.ada.id


async def test_an_assistant_thread_has_prompts_a_status_and_an_answer(
    place: Place, way: str
) -> None:
    app = bolt_app(place)

    @app.event("assistant_thread_started")
    async def started(event: Body, client: AsyncWebClient) -> None:
        where: Body = {
            name: str(event["assistant_thread"][name]) for name in ("channel_id", "thread_ts")
        }
        prompts = [{"title": "Tea", "message": "Make tea"}]
        await client.assistant_threads_setSuggestedPrompts(prompts=prompts, **where)

    @app.event("message")
    async def answer(event: dict[str, str], client: AsyncWebClient, say: AsyncSay) -> None:
        if "bot_id" not in event:
            where: Body = {"channel_id": event["channel"], "thread_ts": event["thread_ts"]}
            await client.assistant_threads_setStatus(status="is thinking", **where)
            await client.assistant_threads_setTitle(title="Tea", **where)
            await say("done", thread_ts=event["thread_ts"])

    async with running(place, app, way):
        thread = await place.server.start_assistant_thread(place.ada)
        dm = place.server.dm_with(place.ada)
        await place.server.say(place.ada, dm, "Make tea", thread=thread)
        await place.server.settled()

    shown = place.server.assistant(thread)
    assert shown.prompts == [{"title": "Tea", "message": "Make tea"}]
    assert shown.titles == ["Tea"]
    assert shown.statuses == ["is thinking", ""]
    assert [one.text for one in place.server.messages(dm)][1:] == ["Make tea", "done"]


async def test_an_answer_is_streamed_with_the_helper_of_the_sdk(place: Place) -> None:
    asked = await place.server.say(place.ada, place.channel, "question")

    stream = await place.client.chat_stream(
        channel=place.channel.id,
        thread_ts=asked.ts,
        recipient_team_id=place.team.id,
        recipient_user_id=place.ada.id,
        buffer_size=1,
    )
    await stream.append(markdown_text="**hel")
    (message,) = place.server.replies(asked)
    assert (message.text, message.stream) == ("**hel", "open")
    await stream.append(markdown_text="lo**")
    await stream.stop(metadata={"event_type": "answer", "event_payload": {"key": "1"}})

    assert (message.text, message.stream) == ("**hello**", "done")
    assert message.metadata == {"event_type": "answer", "event_payload": {"key": "1"}}


async def test_files_go_in_and_come_out(place: Place) -> None:
    upload = Upload("notes.txt", b"x" * 10_000_000)
    said = await place.server.say(place.ada, place.channel, "see", files=[upload])
    info = await place.client.files_info(file=said.files[0].id)
    url = info["file"]["url_private"]

    async with aiohttp.ClientSession() as session:
        bearer = {"Authorization": f"Bearer {place.team.bot_token}"}
        async with session.get(url, headers=bearer) as answer:
            assert await answer.read() == upload.content
        async with session.get(url) as answer:
            assert answer.content_type == "text/html"

    await place.client.files_upload_v2(
        channel=place.channel.id, content="out", filename="out.txt", thread_ts=said.ts
    )
    (reply,) = place.server.replies(said)
    assert [(one.name, one.content) for one in reply.files] == [("out.txt", b"out")]


async def test_a_message_of_the_bot_comes_back_to_it_and_bolt_ignores_it(place: Place) -> None:
    app = bolt_app(place)
    place.subscribe("message.channels")
    seen: list[str] = []

    @app.event("message")
    async def hear(event: dict[str, str]) -> None:
        seen.append(event["text"])

    async with connected(place, app):
        await place.client.chat_postMessage(channel=place.channel.id, text="mine")
        await place.server.say(place.ada, place.channel, "hers")
        await place.server.settled()

    assert seen == ["hers"]
    echo = place.server.log.deliveries("message")[0].payload["event"]
    assert (echo["text"], echo["bot_id"]) == ("mine", place.team.bot_id)


async def test_the_assistant_of_bolt_keeps_its_context_in_metadata(place: Place) -> None:
    app = bolt_app(place)
    assistant = AsyncAssistant()
    place.server.app.subscriptions.discard("message.channels")

    @assistant.thread_started
    async def started(say: AsyncSay, set_suggested_prompts: AsyncSetSuggestedPrompts) -> None:
        await say("What can I do?")
        await set_suggested_prompts([{"title": "Tea", "message": "Make tea"}])

    @assistant.user_message
    async def answer(set_status: AsyncSetStatus, say: AsyncSay) -> None:
        await set_status("is thinking")
        await say("done")

    app.use(assistant)
    async with connected(place, app):
        thread = await place.server.start_assistant_thread(place.ada)
        await place.server.settled()
        await place.server.look_at(place.ada, thread, place.channel)
        await place.server.settled()
        dm = place.server.dm_with(place.ada)
        await place.server.say(place.ada, dm, "Make tea", thread=thread)
        await place.server.settled()

    _, hello, question, done = place.server.messages(dm)
    assert (hello.text, question.text, done.text) == ("What can I do?", "Make tea", "done")
    assert hello.metadata is not None
    assert hello.metadata["event_payload"]["channel_id"] == place.channel.id
    assert place.server.assistant(thread).statuses == ["is thinking", ""]
    assert [one.error for one in place.server.log.calls()] == [None] * len(place.server.log.calls())


async def test_an_uninstalled_workspace_is_silent_until_it_installs_again(place: Place) -> None:
    place.subscribe("app_mention")
    place.server.timing.retries = ()
    await place.server.uninstall(place.team)
    await place.server.say(place.ada, place.channel, place.mention("hello"))
    await place.server.settled()

    assert place.server.log.deliveries() == []
