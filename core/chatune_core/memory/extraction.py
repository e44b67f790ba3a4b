"""From a person's message to what may be remembered of it: one sentence each. Pure, no model.

Source of the split into kinds, slots and polarity: what users of other memories complain of, among it
that "I hate X" deletes "I like X" and stores nothing, and that nothing is ever superseded
(mem0ai/mem0 issues 4536 and 5576).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chatune_core.memory.explicit import RememberThis
from chatune_core.memory.guards import unasked
from chatune_core.memory.own_words import own_sentences
from chatune_core.memory.slots import Stated, facts_in
from chatune_core.memory.style import styles_in
from chatune_core.memory.tastes import tastes_in
from chatune_core.memory.values import Kind

MOST_FROM_ONE = 5
"""Memories of one message; who lists more is not talking of themselves."""
_ASKED, _STATED, _TASTE = 1.0, 0.9, 0.8
_FIRST_PERSON = re.compile(r"\b(?:i|my|as someone|as somebody|as a person)\b", re.IGNORECASE)
_QUESTION = re.compile(r"^(?:what|which|who|where|when|why|how|is|are|do|does|did|can|could|would|should|will|if)\b", re.IGNORECASE)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be remembered, before it is compared with what is known already.

    `confidence` is from 0 to 1. `explicit` says that the person asked for it to be remembered.
    """

    text: str
    kind: Kind
    slot: str
    polarity: int
    confidence: float
    explicit: bool = False


def extracted(message: str) -> tuple[Candidate, ...]:
    """Return what the message states of its author, in order, at most five.

    Questions, quotations and code state nothing. What is about others, protected or secret is left
    out: see `guards`. Takes time linear in the message, of which the first 4,000 characters count.
    """
    found = list[Candidate]()
    taken = set[tuple[str, str]]()
    for sentence in own_sentences(message):
        for stated, confidence in _stated_in(sentence):
            name = (stated.slot, "" if stated.slot else stated.text.lower())
            if name not in taken and not unasked(stated.text):
                taken.add(name)
                found.append(_candidate(stated, confidence))
    return tuple(found[:MOST_FROM_ONE])


def asked_for(request: RememberThis) -> tuple[Candidate, ...]:
    """Return what a person asked to have remembered: exactly that, whatever it is about.

    A slot is found where there is one, so that it takes the place of what it contradicts.
    """
    text = _sentence(request.what)
    if not text:
        return ()
    about = [*styles_in(f"From now on, {text}" if request.lasting else text), *_facts(text)]
    if not about:
        kind = Kind.STYLE if request.lasting else Kind.FACT
        return (Candidate(text, kind, "", 0, _ASKED, explicit=True),)
    first = about[0]
    return (Candidate(text, first.kind, first.slot, first.polarity, _ASKED, explicit=True),)


def _stated_in(sentence: str) -> Iterator[tuple[Stated, float]]:
    asks = sentence.endswith("?") or _QUESTION.match(sentence) is not None
    if asks and not re.search(r"\bi\b", sentence, re.IGNORECASE):
        return
    if not asks:
        styles = list(styles_in(sentence))
        yield from ((style, _STATED) for style in styles)
        if styles:
            return  # "I prefer short answers" is about answers, not a taste besides
    yield from ((each, _STATED if each.kind is Kind.FACT else _TASTE) for each in _facts(sentence))


def _facts(sentence: str) -> Iterator[Stated]:
    if not _FIRST_PERSON.search(sentence):
        return
    facts = list(facts_in(sentence))
    yield from facts
    for taste in tastes_in(sentence):
        if not any(fact.text in taste.text or taste.text in fact.text for fact in facts):
            yield taste


def _candidate(stated: Stated, confidence: float) -> Candidate:
    return Candidate(_sentence(stated.text), stated.kind, stated.slot, stated.polarity, confidence)


def _sentence(text: str) -> str:
    plain = " ".join(text.split()).strip(" ,;:")
    if not plain:
        return ""
    plain = re.sub(r"\bi\b", "I", plain)
    return plain[0].upper() + plain[1:] + ("" if plain[-1] in ".!…" else ".")
