"""Triggers, modals and response URLs."""

import pytest
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.slack_server.place import Place, bolt_app, connected, error_of
from chatune_adapters.testing.slack.interactions import RESPONSES

pytestmark = pytest.mark.anyio

MODAL: dict[str, object] = {
    "type": "modal",
    "callback_id": "m",
    "title": {"type": "plain_text", "text": "Title"},
    "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "hello"}}],
}


def trigger(place: Place, view: str | None = None) -> str:
    return place.server.site.interactions.trigger(place.ada, view)


async def test_a_trigger_works_once_and_within_three_seconds(place: Place) -> None:
    open_view = place.client.views_open
    first, second = trigger(place), trigger(place)

    await open_view(trigger_id=first, view=MODAL)
    assert await error_of(open_view(trigger_id=first, view=MODAL)) == "exchanged_trigger_id"
    assert await error_of(open_view(trigger_id="1.2.3", view=MODAL)) == "invalid_trigger_id"
    place.clock.ahead += 3.1
    assert await error_of(open_view(trigger_id=second, view=MODAL)) == "expired_trigger_id"


async def test_views_are_updated_by_id_with_the_hash_they_had(place: Place) -> None:
    opened = await place.client.views_open(trigger_id=trigger(place), view=MODAL)
    view_id, hash_ = opened["view"]["id"], opened["view"]["hash"]
    update = place.client.views_update

    await update(view_id=view_id, hash=hash_, view=MODAL | {"callback_id": "n"})
    assert place.server.views[0].callback_id == "n"
    assert await error_of(update(view_id=view_id, hash=hash_, view=MODAL)) == "hash_conflict"
    assert await error_of(update(view_id="V0", view=MODAL)) == "not_found"


async def test_three_views_stack_at_most(place: Place) -> None:
    opened = await place.client.views_open(trigger_id=trigger(place), view=MODAL)
    push = place.client.views_push

    for _ in range(2):
        opened = await push(trigger_id=trigger(place, opened["view"]["id"]), view=MODAL)
    top = trigger(place, opened["view"]["id"])
    assert await error_of(push(trigger_id=top, view=MODAL)) == "push_limit_reached"
    assert len(place.server.views) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": {"type": "plain_text", "text": "x" * 25}},
        {"private_metadata": "x" * 3_001},
        {"blocks": [MODAL["blocks"][0]] * 101},  # type: ignore[index]
        {"type": "poem"},
    ],
)
async def test_views_are_held_to_their_limits(place: Place, wrong: dict[str, object]) -> None:
    call = place.client.views_open(trigger_id=trigger(place), view=MODAL | wrong)
    assert await error_of(call) == "invalid_arguments"


async def test_a_response_url_answers_five_times_within_half_an_hour(place: Place) -> None:
    paths = [
        place.server.site.interactions.response_url(place.channel, place.ada) for _ in range(2)
    ]
    first, second = (AsyncWebhookClient(place.server.site.origin + path) for path in paths)

    answers = [await first.send(text=str(number)) for number in range(RESPONSES + 1)]
    assert [one.status_code for one in answers] == [200] * 5 + [404]
    assert "used_url" in answers[-1].body
    place.clock.ahead += 1_801
    late = await second.send(text="late")
    assert (late.status_code, "expired_url" in late.body) == (404, True)
    assert {one.ephemeral_for for one in place.server.messages(place.channel)} == {place.ada.id}


async def test_a_response_url_replaces_and_deletes_the_message_it_came_from(place: Place) -> None:
    await place.client.chat_postMessage(channel=place.channel.id, text="before")
    (message,) = place.server.messages(place.channel)
    path = place.server.site.interactions.response_url(place.channel, place.ada, message)
    respond = AsyncWebhookClient(place.server.site.origin + path)

    await respond.send(text="after", replace_original=True)
    assert (message.text, message.earlier) == ("after", ["before"])
    await respond.send(delete_original=True)
    assert place.server.messages(place.channel) == []


async def test_people_press_only_what_they_see(place: Place) -> None:
    await place.client.chat_postEphemeral(
        channel=place.channel.id, user=place.ada.id, text="just you"
    )
    (message,) = place.server.messages(place.channel)
    bob = place.server.add_user(place.team, "bob")

    with pytest.raises(LookupError, match="does not see"):
        await place.server.press(bob, message, "good")
    with pytest.raises(LookupError, match="no element 'good'"):
        await place.server.press(place.ada, message, "good")


async def test_the_form_refuses_what_slack_would_not_submit(place: Place) -> None:
    field = {"type": "plain_text_input", "action_id": "text", "max_length": 3}
    label = {"type": "plain_text", "text": "Text"}
    block = {"type": "input", "block_id": "b", "label": label, "element": field}
    form = MODAL | {"submit": label, "blocks": [block]}
    await place.client.views_open(trigger_id=trigger(place), view=form)
    (view,) = place.server.views

    with pytest.raises(ValueError, match="must be filled in"):
        await place.server.submit_view(place.ada, view, {})
    with pytest.raises(ValueError, match="0 to 3 characters"):
        await place.server.submit_view(place.ada, view, {"text": "long"})
    with pytest.raises(LookupError, match="no input"):
        await place.server.submit_view(place.ada, view, {"other": "x", "text": "x"})


async def test_an_interaction_nobody_acknowledges_is_not_retried(place: Place) -> None:
    app = bolt_app(place)

    @app.command("/silent")
    async def silent(ack: AsyncAck) -> None:
        return None

    place.server.timing.ack_within = 5.0
    async with connected(place, app):
        answer = await place.server.slash(place.ada, place.channel, "/silent")

    assert not answer.acked
    assert len(place.server.log.deliveries("/silent")) == 1


async def test_feedback_buttons_are_pressed_by_value(place: Place) -> None:
    sides = {
        side: {"text": {"type": "plain_text", "text": side}, "value": side}
        for side in ("positive_button", "negative_button")
    }
    element = {"type": "feedback_buttons", "action_id": "rate"} | sides
    blocks = [{"type": "context_actions", "elements": [element]}]
    app = bolt_app(place)
    place.subscribe()

    @app.action("rate")
    async def rate(ack: AsyncAck) -> None:
        await ack()

    async with connected(place, app):
        await place.client.chat_postMessage(channel=place.channel.id, text="x", blocks=blocks)
        (message,) = place.server.messages(place.channel)
        assert (await place.server.press(place.ada, message, "rate", "negative_button")).acked

    assert place.heard[-1]["actions"][0]["value"] == "negative_button"  # type: ignore[index]


async def test_the_home_tab_is_published_and_changed(place: Place) -> None:
    home = {"type": "home", "blocks": MODAL["blocks"]}
    for _ in range(2):
        await place.client.views_publish(user_id=place.ada.id, view=home)

    (view,) = place.server.views
    assert (view.user, view.body["type"]) == (place.ada.id, "home")


async def test_an_answer_with_the_acknowledgement_is_not_one_of_the_five(place: Place) -> None:
    app = bolt_app(place)

    @app.command("/ask")
    async def ask(ack: AsyncAck) -> None:
        await ack("now")

    async with connected(place, app):
        await place.server.slash(place.ada, place.channel, "/ask")

    url = str(place.heard[-1]["response_url"])
    answers = [await AsyncWebhookClient(url).send(text="later") for _ in range(RESPONSES + 1)]
    assert [one.status_code for one in answers] == [200] * 5 + [404]
