"""`/memory` and `/why`: a person's say over what is remembered of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from chatune_core.bots import ActionHandler, Context, FormHandler
from chatune_core.commands import Answer, Command, command_from
from chatune_core.errors import InvalidInput
from chatune_core.forms import Field, Form
from chatune_core.memory import answers
from chatune_core.memory.explicit import LONGEST_REQUEST, RememberThis
from chatune_core.memory.exporting import exported
from chatune_core.memory.extraction import asked_for
from chatune_core.memory.places import MemoryPreferences
from chatune_core.memory.ports import Links, MemoryStanding
from chatune_core.memory.requests import called
from chatune_core.memory.values import Kind, Memory
from chatune_core.memory.walk import PersonalMemory
from chatune_core.messages import ActionTaken, CommandInvoked, MessageKey
from chatune_core.outcomes import (
    ConsentChanged,
    MemoryEdited,
    MemoryPreferencesChanged,
)
from chatune_core.ports import History, PersonalData
from chatune_core.privacy import Purpose

What = Literal[
    "on", "off", "show", "why", "edit", "forget", "forget-all", "export", "pause", "resume",
    "here", "everywhere", "usual",
]  # fmt: skip
_EDIT = Form(
    answers.EDIT,
    "Change a memory",
    (Field("number", "Its number"), Field("text", "What should it say?", multiline=True)),
)
_FORGET = Form(
    answers.FORGET_WHICH, "Forget a memory", (Field("which", "Its number, or words of it"),)
)
_Change = Callable[[MemoryPreferences], MemoryPreferences]
_Do = Callable[["MemoryCommands", Context, str], Awaitable[Answer]]


class MemoryCommands:
    """Everything that a person can ask of their memory; answered to them alone."""

    def __init__(
        self,
        memory: PersonalMemory,
        history: History,
        personal_data: PersonalData,
        links: Links,
        now: Callable[[], datetime],
    ) -> None:
        self._memory, self._history, self._now = memory, history, now
        self._personal_data, self._links = personal_data, links

    def commands(self) -> Sequence[Command]:
        """See Part.commands."""
        return [
            command_from(
                "memory", "What I remember about you, and whether I may.", self._memory_command,
                private=True,
            ),
            command_from(
                "why", "What an answer used of what I remember about you.", self._why_command,
                private=True, on_message="Why this answer",
            ),
        ]  # fmt: skip

    @property
    def actions(self) -> Mapping[str, ActionHandler]:
        """See Part.actions."""
        return {
            answers.PAGE: self._turned_to,
            answers.FORGET: self._pressed_forget,
            answers.FORGET_ALL: self._pressed_forget_all,
        }

    @property
    def forms(self) -> Mapping[str, tuple[Form, FormHandler]]:
        """See Part.forms."""
        return {
            _EDIT.name: (_EDIT, self._filled_edit),
            _FORGET.name: (_FORGET, self._filled_forget),
        }

    async def _memory_command(
        self, context: Context, what: What | None = None, text: str = ""
    ) -> Answer:
        if what is None:
            person = await self._person(context)
            current = sum(memory.current for memory in person.known)
            return Answer(answers.status(person.standing, current, allowed=self._allowed(context)))
        return await _DO[what](self, context, text.strip())

    async def _why_command(self, context: Context, text: str = "") -> Answer:
        event = context.event
        chosen = event.message if isinstance(event, CommandInvoked) else None
        if chosen is None:
            answer = await self._history.last_answer(context.conversation)
        else:
            answer = await self._history.answer_shown_as(chosen)
        if answer is None:
            raise InvalidInput("There is no answer of mine to explain.")
        ids = await self._memory.memories.used_in(answer)
        by_id = {memory.id: memory for memory in (await self._person(context)).known}
        return answers.used([by_id[memory] for memory in ids if memory in by_id])

    async def _on(self, context: Context, text: str) -> Answer:
        if not self._allowed(context):
            return Answer(answers.NOT_ALLOWED)
        standing = (await self._person(context)).standing
        preferences = replace(standing.preferences, paused=False)
        return Answer(
            answers.ON,
            effects=(
                self._consent(context, granted=True),
                MemoryPreferencesChanged(context.user, preferences),
            ),
        )

    async def _off(self, context: Context, text: str) -> Answer:
        known = (await self._person(context)).known
        said = "Memory is off: I learn nothing more about you, and use nothing."
        if known:
            said += f" The {len(known)} memories stay until you have me forget them."
        return Answer(
            said,
            effects=(self._consent(context, granted=False),),
            buttons=answers.SURE.buttons if known else (),
        )

    async def _pause(self, context: Context, text: str) -> Answer:
        return await self._prefer(
            context,
            "Paused: I learn and use nothing until /memory resume.",
            lambda was: replace(was, paused=True),
        )

    async def _resume(self, context: Context, text: str) -> Answer:
        return await self._prefer(
            context, "I go on with memory as before.", lambda was: replace(was, paused=False)
        )

    async def _here(self, context: Context, text: str) -> Answer:
        preferences = (await self._person(context)).standing.preferences
        places = tuple(dict.fromkeys((*preferences.only_in, context.conversation)))
        count = "in this conversation" if len(places) == 1 else f"in {len(places)} conversations"
        said = f"I learn and use memories only {count}; /memory usual lifts that."
        return await self._prefer(context, said, lambda was: replace(was, only_in=places))

    async def _everywhere(self, context: Context, text: str) -> Answer:
        said = (
            "What I learn anywhere, also in private, may be used everywhere you talk to me, where "
            "others may read it; /memory usual ends that."
        )
        return await self._prefer(
            context, said, lambda was: replace(was, everywhere=True, only_in=())
        )

    async def _usual(self, context: Context, text: str) -> Answer:
        said = "What I learn is used where it was learned, and where only you read."
        return await self._prefer(
            context, said, lambda was: replace(was, everywhere=False, only_in=())
        )

    async def _show(self, context: Context, text: str) -> Answer:
        return answers.page((await self._person(context)).known, int(text) if text.isdigit() else 1)

    async def _why(self, context: Context, text: str) -> Answer:
        return await self._why_command(context)

    async def _edit(self, context: Context, text: str) -> Answer:
        number, _, said = text.partition(" ")
        return await self._edited(context, number, said)

    async def _forget(self, context: Context, text: str) -> Answer:
        if not text:
            raise InvalidInput("Say which: /memory forget NUMBER, or words of it.")
        person = await self._person(context)
        meant, certain = called(text, [memory for memory in person.known if memory.current])
        if not meant:
            raise InvalidInput("I remember nothing like that; /memory show lists what I do.")
        return await self._forgotten(context, meant) if certain else answers.which(meant)

    async def _forget_all(self, context: Context, text: str) -> Answer:
        return answers.SURE

    async def _export(self, context: Context, text: str) -> Answer:
        identities = (context.user, *await self._links.linked(context.user))
        records = [r for one in identities for r in await self._personal_data.export(one)]
        return Answer("This is all that I remember about you.", files=(exported(records),))

    async def _turned_to(self, context: Context, value: str) -> Answer:
        known = (await self._person(context)).known
        return answers.page(known, int(value) if value.isdigit() else 1, _under(context))

    async def _pressed_forget(self, context: Context, value: str) -> Answer:
        known = (await self._person(context)).known
        meant = [memory for memory in known if memory.id == value]
        if not meant:
            return Answer("I do not remember that any more.", private=True)
        return await self._forgotten(context, meant)

    async def _pressed_forget_all(self, context: Context, value: str) -> Answer:
        receipt = await self._memory.forget(context.user, None)
        return answers.forgotten_all(receipt)

    async def _filled_edit(self, context: Context, value: str, fields: Mapping[str, str]) -> Answer:
        return await self._edited(context, fields["number"], fields["text"])

    async def _filled_forget(
        self, context: Context, value: str, fields: Mapping[str, str]
    ) -> Answer:
        return replace(await self._forget(context, fields["which"].strip()), private=True)

    async def _edited(self, context: Context, number: str, text: str) -> Answer:
        person = await self._person(context)
        said = " ".join(text.split())
        current = [memory for memory in person.known if memory.current]
        meant, _ = called(number, current) if number.strip(".").isdigit() else ([], False)
        if len(meant) != 1 or not said:
            raise InvalidInput("Write /memory edit NUMBER TEXT; /memory show has the numbers.")
        if len(said) > LONGEST_REQUEST:
            raise InvalidInput(f"A memory has up to {LONGEST_REQUEST} characters.")
        lasting = meant[0].kind is Kind.STYLE
        [about] = asked_for(RememberThis(said, lasting)) or [None]
        if about is None:
            raise InvalidInput("That says nothing.")
        edited = replace(
            meant[0], text=said, kind=about.kind, slot=about.slot, polarity=about.polarity,
            confidence=about.confidence,
        )  # fmt: skip
        effects = (MemoryEdited(edited),)
        return Answer(f"Changed to: {said}", private=True, effects=effects)

    async def _forgotten(self, context: Context, meant: Sequence[Memory]) -> Answer:
        receipt = await self._memory.forget(context.user, [memory.id for memory in meant])
        return answers.forgotten(meant, receipt)

    async def _prefer(self, context: Context, said: str, change: _Change) -> Answer:
        standing = (await self._person(context)).standing
        if not standing.agreed:
            return Answer(answers.OFF)
        changed = MemoryPreferencesChanged(context.user, change(standing.preferences))
        return Answer(said, effects=(changed,))

    async def _person(self, context: Context) -> "_Person":
        standing = await self._memory.memories.standing(context.user)
        known = await self._memory.recalling.known(context.user, standing)
        return _Person(standing, known)

    def _allowed(self, context: Context) -> bool:
        return self._memory.places.allowed(context.conversation)

    def _consent(self, context: Context, *, granted: bool) -> ConsentChanged:
        return ConsentChanged(context.user, Purpose.MEMORY, granted, context.event.key, self._now())


@dataclass(frozen=True, slots=True)
class _Person:
    """How memory stands with a person, and all that is remembered of them."""

    standing: MemoryStanding
    known: Sequence[Memory]


def _under(context: Context) -> MessageKey | None:
    """Return the message whose button was pressed."""
    return context.event.message if isinstance(context.event, ActionTaken) else None


_DO: Mapping[str, _Do] = MappingProxyType(
    {
        "on": MemoryCommands._on,
        "off": MemoryCommands._off,
        "show": MemoryCommands._show,
        "why": MemoryCommands._why,
        "edit": MemoryCommands._edit,
        "forget": MemoryCommands._forget,
        "forget-all": MemoryCommands._forget_all,
        "export": MemoryCommands._export,
        "pause": MemoryCommands._pause,
        "resume": MemoryCommands._resume,
        "here": MemoryCommands._here,
        "everywhere": MemoryCommands._everywhere,
        "usual": MemoryCommands._usual,
    }
)
