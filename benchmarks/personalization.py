"""Does memory help? Twenty people with wishes, answered with memory off, on, and with somebody else's.

    python benchmarks/personalization.py [--model NAME --home DIR] [--questions 2] [--in-flight 8] [--json FILE]

Each person tells the bot three wishes in one conversation, as people do ("From now on, ..."), and
asks questions in another, so that only memory can know. The whole walk runs: commands, consent, learning,
recall, prompt, engine. An answer counts where the judge of a wish says that it follows it. `other`
is the control: the same questions with the memory of the next person in the row, judged by the asker's wishes.

Without `--model` the bundled model answers; with it, `[models.NAME]` of the chatune.toml in `--home`.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
from personalization_people import Person, Preference, people
from rich.console import Console
from rich.table import Table

from chatune_bots.compose import Parts, open_models, stores_in_memory, utc_now
from chatune_bots.configuration import load
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from chatune_core.bots import Bot
from chatune_core.messages import (
    ConversationId,
    EventKey,
    Inbound,
    MessageKey,
    MessageReceived,
    Reply,
    UserId,
)
from chatune_core.ports import Capabilities
from chatune_core.runtime import Runtime

CONDITIONS = ("off", "on", "other")


@dataclass(frozen=True, slots=True)
class Case:
    """One question, asked under one condition; `follows` is what is counted."""

    condition: str
    asker: int
    preference: Preference
    question: str

    @property
    def remembers(self) -> int | None:
        """Whose wishes the bot knows: the place in the row, None for nobody's."""
        return {"off": None, "on": self.asker, "other": self.asker + 1}[self.condition]


class Answers:
    """Fulfils `Sender`: keeps the final text of each reply."""

    capabilities = Capabilities(buttons=True, files=True)

    def __init__(self) -> None:
        self.texts: dict[EventKey, str] = {}

    def preview(self, event: Inbound, text: str) -> None:
        """See Sender.preview."""

    def waiting(self, event: Inbound, position: int) -> None:
        """See Sender.waiting."""

    async def deliver(self, reply: Reply) -> Sequence[MessageKey]:
        """See Sender.deliver."""
        self.texts[reply.answers] = reply.text
        return [MessageKey(f"shown:{reply.answers}")]


class Talk:
    """People who talk to a running bot in private."""

    def __init__(self, runtime: Runtime, answers: Answers) -> None:
        self._runtime, self._answers = runtime, answers
        self._said = 0

    async def say(self, who: str, place: str, text: str) -> str:
        """Return the answer to `text`, said by `who` in a conversation of theirs."""
        self._said += 1
        key = EventKey(f"terminal:{self._said}")
        place = f"terminal:{who}-{place}"
        said = MessageReceived(
            key, ConversationId(place), UserId(f"terminal:{who}"), utc_now(), text
        )
        await self._runtime.handle(said)
        return self._answers.texts.get(key, "")


async def _measure(options: argparse.Namespace) -> Mapping[str, Mapping[str, list[bool]]]:
    crowd = people(options.seed)
    settings, home = _settings(options)
    async with open_models(settings, home, lambda stage, share: None) as models:
        answers = Answers()
        parts = Parts(settings, stores_in_memory(settings), models.generators, Bot())
        runtime = parts.runtime(settings.model_called(options.model), {"terminal": answers})
        talk = Talk(runtime, answers)
        await _introduce(talk, crowd)
        followed: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
        limiter = anyio.CapacityLimiter(options.in_flight)
        async with anyio.create_task_group() as asking:
            for case in _cases(crowd, options.questions):
                asking.start_soon(_ask, talk, case, followed, limiter)
    return followed


def _settings(options: argparse.Namespace) -> tuple[Settings, Home]:
    home = Home(options.home)
    settings = load(home, options.home).settings
    generation = settings.generation.model_copy(update={"max_tokens": options.tokens})
    return settings.model_copy(update={"generation": generation}), home


async def _introduce(talk: Talk, crowd: Sequence[Person]) -> None:
    """Let one identity of each person, for each condition, say what that condition lets the bot know."""
    for condition in CONDITIONS:
        for place in range(len(crowd)):
            known = Case(condition, place, crowd[place].preferences[0], "").remembers
            if known is None:
                continue
            who = _identity(condition, place)
            await talk.say(who, "settings", "/memory on")
            for wish in crowd[known % len(crowd)].preferences:
                await talk.say(who, "settings", f"From now on, {wish.told}.")


def _cases(crowd: Sequence[Person], questions: int) -> list[Case]:
    return [
        Case(condition, place, wish, question)
        for place, person in enumerate(crowd)
        for wish in person.preferences
        for question in _some(wish.questions, place, questions)
        for condition in CONDITIONS
    ]


def _some(questions: Sequence[str], place: int, count: int) -> list[str]:
    return [questions[(place + each) % len(questions)] for each in range(count)]


def _identity(condition: str, place: int) -> str:
    return f"{condition}{place}"


async def _ask(
    talk: Talk,
    case: Case,
    followed: Mapping[str, Mapping[str, list[bool]]],
    limiter: anyio.CapacityLimiter,
) -> None:
    async with limiter:
        # A conversation for each question: what was asked before must not show either.
        place = "-".join([case.preference.kind, *case.question.split()])
        answer = await talk.say(_identity(case.condition, case.asker), place, case.question)
    followed[case.preference.kind][case.condition].append(case.preference.follows(answer))


def _print(followed: Mapping[str, Mapping[str, list[bool]]]) -> None:
    table = Table("wish", "questions", *(f"{condition}, %" for condition in CONDITIONS))
    every: dict[str, list[bool]] = defaultdict(list)
    for kind in sorted(followed):
        shares = [_share(followed[kind][condition]) for condition in CONDITIONS]
        table.add_row(kind, str(len(followed[kind]["on"])), *shares)
        for condition in CONDITIONS:
            every[condition] += followed[kind][condition]
    table.add_section()
    table.add_row("all", str(len(every["on"])), *(_share(every[c]) for c in CONDITIONS))
    Console().print(table)


def _share(judged: Sequence[bool]) -> str:
    return f"{100 * sum(judged) / len(judged):.0f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", help="one of [models.NAME]; left out, the first of them")
    parser.add_argument("--home", type=Path, default=Path.home() / ".local/share/chatune")
    parser.add_argument("--questions", type=int, default=2, help="for each wish")
    parser.add_argument("--tokens", type=int, default=160, help="longest answer")
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the counts here")
    return parser.parse_args()


def main() -> None:
    """Ask, judge and print."""
    options = _options()
    if not options.home.is_dir():
        sys.exit(f"{options.home} is no folder; give the home of a bot with --home.")
    followed = anyio.run(partial(_measure, options))
    _print(followed)
    if options.json is not None:
        options.json.write_text(json.dumps(followed, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
