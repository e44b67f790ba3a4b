"""What commands do, as a person sees it."""

import enum
from typing import Literal

import pytest

from chatune_core.bots import Answer, Bot, Context
from chatune_core.errors import ConfigurationError
from chatune_core.messages import (
    CommandInvoked,
    ConversationId,
    EventKey,
    MessageKey,
    MessageReceived,
    ReactionChanged,
    UserId,
)
from fakes.generator import ScriptedGenerator
from fakes.platform import AT
from fakes.world import World, make_world

pytestmark = pytest.mark.anyio
C1, ANN = ConversationId("test:c1"), UserId("test:ann")


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@pytest.fixture
def shop() -> World:
    bot = Bot()

    @bot.command("order", help="Order coffee.")
    async def order(
        context: Context, count: int, size: Size = Size.SMALL, decaf: bool = False, note: str = ""
    ) -> str:
        return f"{count} {size.value} decaf={decaf} {note!r} for {context.user}"

    @bot.command("tip", help="Leave a tip.")
    async def tip(context: Context, amount: float, kind: Literal["cash", "card"] = "card") -> str:
        return f"{amount:.2f} by {kind}"

    @bot.command("summary", help="Sum up.")
    async def summary(context: Context, text: str) -> str:
        return "In short: " + await context.ask(f"Sum up: {text}")

    @bot.command("quiet", help="Say nothing.")
    async def quiet(context: Context) -> None: ...

    @bot.command("count", help="Count turns.")
    async def count(context: Context) -> Answer:
        return Answer(str(len(await context.history())), private=True)

    return make_world(bot=bot)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/order 2", "2 small decaf=False '' for test:ann"),
        ("/order 2 large yes extra hot, please", "2 large decaf=True 'extra hot, please' for test:ann"),
        ('/order "2" \'large\' off  it\'s  fine', "2 large decaf=False \"it's  fine\" for test:ann"),
        ("/ORDER 1", "1 small decaf=False '' for test:ann"),
        ("/order\n1", "1 small decaf=False '' for test:ann"),
        ("/tip 2.5", "2.50 by card"),
        ("/tip 2.5 cash", "2.50 by cash"),
    ],
)  # fmt: skip
async def test_arguments_arrive_with_their_types(shop: World, line: str, answer: str) -> None:
    assert await shop.say(line) == answer


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("/order", "count is missing. Usage: /order <count> [small|large] [decaf] [note...]"),
        ("/order two", "count must be a whole number, got 'two'."),
        ("/order 2 huge", "size must be one of small, large, got 'huge'."),
        ("/order 2 small maybe", "decaf must be yes or no, got 'maybe'."),
        ("/tip lots", "amount must be a number, got 'lots'."),
        ("/tip 2 cash now", "'now' is one argument too many. Usage: /tip <amount> [cash|card]"),
        ('/tip "2', "A quotation mark is not closed."),
        ("/reset everything", "'everything' is one argument too many. Usage: /reset"),
        ("/ordr 2", "There is no command /ordr. Did you mean /order? /help lists them."),
        ("/zzzzz", "There is no command /zzzzz. /help lists them."),
    ],
)
async def test_a_wrong_command_line_gets_one_clear_line(
    shop: World, line: str, complaint: str
) -> None:
    answer = await shop.say(line)

    assert answer.startswith(complaint)
    assert shop.model.requests == []


@pytest.mark.parametrize("text", ["/etc/hosts is empty", "/ what", "/", "a /order 2", "/2 things"])
async def test_text_that_only_looks_like_a_command_goes_to_the_model(
    shop: World, text: str
) -> None:
    await shop.say(text)

    assert shop.model.requests[0].messages[-1].content == text


async def test_a_platform_command_is_the_same_command(shop: World) -> None:
    await shop.happen(CommandInvoked(EventKey("e1"), C1, ANN, AT, "tip", "3 cash"))

    assert shop.platform.texts == ["3.00 by cash"]


async def test_a_command_may_ask_the_model_and_its_answer_is_previewed(shop: World) -> None:
    assert await shop.say("/summary war and peace") == "In short: Sum up: war and peace"
    assert "Sum up: war " in shop.platform.previews


async def test_a_command_may_say_nothing(shop: World) -> None:
    assert await shop.say("/quiet") == ""
    assert shop.platform.posts == {}


async def test_a_command_may_read_the_history_and_answer_privately(shop: World) -> None:
    await shop.say("hello")

    assert await shop.say("/count") == "2"
    assert shop.platform.private == {"test:2"}


async def test_help_lists_every_command_with_its_usage(shop: World) -> None:
    listed = await shop.say("/help")

    lines = listed.splitlines()
    names = [line.split()[0].removeprefix("/") for line in lines]
    answers = ["again", "bad", "correct", "good", "unrate"]
    builtin = ["help", "model", "report", "reset", "rewrite", "stop", "summarize"]
    memory = ["feedback", "link", "memory", "training", "why"]
    assert names == sorted(
        [*answers, *builtin, *memory, "count", "order", "quiet", "summary", "tip"]
    )
    assert any(line.startswith("/tip <amount> [cash|card]") for line in lines)


async def test_help_for_one_command(shop: World) -> None:
    assert await shop.say("/help tip") == "/tip <amount> [cash|card]\nLeave a tip."
    assert await shop.say("/help /tip") == "/tip <amount> [cash|card]\nLeave a tip."


async def test_reset_forgets_the_conversation_and_no_other(world: World) -> None:
    await world.say("my name is Ann")
    await world.say("other talk", "test:c2")

    await world.say("/reset")
    await world.say("hello")
    await world.say("again", "test:c2")

    assert "Ann" not in str(world.model.requests[-2].messages)
    assert "other talk" in str(world.model.requests[-1].messages)


async def test_model_shows_and_chooses_what_answers_this_conversation() -> None:
    big = ScriptedGenerator(lambda _: ["from big"], model="big-7b")
    world = make_world(more_models={"big": big})

    shown = await world.say("/model")
    chosen = await world.say("/model big")
    here, elsewhere = await world.say("hi"), await world.say("hi", "test:c2")

    assert shown == "* small: scripted\n  big: big-7b"
    assert chosen == "This conversation is answered by big from now on."
    assert (here, elsewhere) == ("from big", "hi")
    assert await world.say("/model huge") == "There is no model called 'huge'. Known: small, big."


@pytest.mark.parametrize(("command", "score"), [("/good", 1), ("/bad too long", -1)])
async def test_a_rating_is_kept_with_the_last_answer(
    world: World, command: str, score: int
) -> None:
    await world.say("hi")

    answer = await world.say(command)

    ratings = await ratings_of(world)
    assert answer == f"Thank you. Rated as {'good' if score > 0 else 'bad'}. /unrate takes it back."
    assert [(rating["answers"], rating["score"]) for rating in ratings] == [("test:1", score)]


async def test_there_is_nothing_to_rate_before_an_answer(world: World) -> None:
    assert await world.say("/good") == "There is no answer to rate yet."


async def test_a_reaction_rates_the_reply_that_it_is_on_and_can_be_taken_back(world: World) -> None:
    await world.say("one")
    await world.say("two")
    shown = MessageKey("shown:test:1")

    await world.happen(ReactionChanged(EventKey("r1"), C1, ANN, AT, shown, "👍", added=True))
    given = [(rating["answers"], rating["score"]) for rating in await ratings_of(world)]
    await world.happen(ReactionChanged(EventKey("r2"), C1, ANN, AT, shown, "👍", added=False))
    taken_back = [rating["score"] for rating in await ratings_of(world)]

    assert given == [("test:1", 1)]
    assert taken_back in ([], [0])
    assert "r1" not in world.platform.posts


async def test_other_reactions_and_reactions_to_other_messages_count_for_nothing(
    world: World,
) -> None:
    await world.say("one")

    for key, shown, emoji in [("r1", "shown:test:1", "🎉"), ("r2", "elsewhere", "👍")]:
        event = ReactionChanged(EventKey(key), C1, ANN, AT, MessageKey(shown), emoji, added=True)
        await world.happen(event)

    assert await ratings_of(world) == []


async def test_a_handler_answers_before_the_model_and_may_pass_on() -> None:
    bot = Bot()

    @bot.on(MessageReceived)
    async def greet(context: Context, message: MessageReceived) -> str | None:
        return "Hello, friend." if message.text == "hello" else None

    world = make_world(bot=bot)

    assert await world.say("hello") == "Hello, friend."
    assert await world.say("how are you") == "how are you"
    assert len(world.model.requests) == 1


async def test_a_handler_sees_events_of_its_kind_alone() -> None:
    bot, seen = Bot(), list[str]()

    @bot.on(ReactionChanged)
    async def react(context: Context, event: ReactionChanged) -> None:
        seen.append(event.emoji)

    world = make_world(bot=bot)
    await world.say("hello")
    shown = MessageKey("shown:test:1")
    await world.happen(ReactionChanged(EventKey("r1"), C1, ANN, AT, shown, "👍", added=True))

    assert seen == ["👍"]
    assert len(await ratings_of(world)) == 1


def test_a_command_registered_twice_is_refused() -> None:
    bot = Bot()

    @bot.command("help", help="Mine.")
    async def mine(context: Context) -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"/help is registered twice\. Rename"):
        make_world(bot=bot)


@pytest.mark.parametrize("name", ["Roll", "2x", "", "a b", "x" * 33, "über"])
def test_a_bad_command_name_is_refused_where_it_is_written(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be a command name"):
        Bot().command(name, help="")(_takes_a_context)


def test_a_parameter_type_that_a_command_cannot_take_is_refused_where_it_is_written() -> None:
    async def odd(context: Context, things: list[int]) -> str:
        return ""

    with pytest.raises(ConfigurationError, match="'things' of /odd has a type"):
        Bot().command("odd", help="")(odd)


def test_an_annotation_that_cannot_be_looked_up_is_refused_where_it_is_written() -> None:
    async def odd(context: Context, size: "Unheard") -> str:  # type: ignore[name-defined]  # noqa: F821
        return ""

    with pytest.raises(ConfigurationError, match="'Unheard' is not defined"):
        Bot().command("odd", help="")(odd)


async def _takes_a_context(context: Context) -> str:
    return ""


async def ratings_of(world: World) -> list[dict[str, object]]:
    records = await world.stores.personal_data.export(ANN)
    return [dict(record.record) for record in records if "score" in record.record]
