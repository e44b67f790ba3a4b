"""What a person reads about what is remembered of them. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from chatune_core.commands import Answer
from chatune_core.memory.places import MemoryPreferences
from chatune_core.memory.ports import MemoryStanding
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import Button, MessageKey
from chatune_core.privacy import ErasureReceipt

PAGE, FORGET, FORGET_ALL = "memory-page", "memory-forget", "memory-forget-all"
EDIT, FORGET_WHICH = "memory-edit", "memory-forget-which"
ON_A_PAGE = 8
_LONGEST_SHOWN = 300
_MOST_CHOICES = 10

OFF = "Memory is off: I remember nothing about you. /memory on turns it on."
ON = """Memory is on. From what you write to me I remember how you want to be answered, what you like and what you tell of \
yourself. Of other people I remember nothing, and no secrets, health, belief or politics unless you ask me to: "remember that ...".
What I learn where only you read, I use only there, unless you say /memory everywhere.
/memory show lists what I remember, /memory why says what an answer used, /memory forget and forget-all forget it, \
/memory off stops it."""
NOT_ALLOWED = "Whoever runs this bot, or this place, does not let me remember things here."
NOTHING = "I remember nothing about you."
SURE = Answer(
    "Forget everything that I remember about you, and all that you and I said to each other? It cannot be undone.",
    private=True,
    buttons=(Button(FORGET_ALL, "Forget everything"),),
)
_RECEIPT: Mapping[str, str] = {
    "memories": "memories",
    "turns": "messages of yours and answers to you",
    "generations": "prompts and completions kept with those answers",
    "ratings": "reasons given with a rating",
    "corrections": "corrections",
    "quotes": "other prompts that may have repeated them",
    "models": "models that learned from them, which are to be trained anew",
}


def number_of(memory: MemoryId) -> int:
    """Return the number by which its person calls the memory: the end of its id."""
    return int(memory.rpartition("-")[2])


def numbered(token: str, known: Iterable[Memory], nth: int = 1) -> MemoryId:
    """Return an id whose number is the `nth` that none of `known` has."""
    last = max((number_of(memory.id) for memory in known), default=0)
    return MemoryId(f"{token}-{last + nth}")


def line_of(memory: Memory, known: Mapping[MemoryId, Memory]) -> str:
    """Return the memory as a line: number, text, since when, and what it took the place of."""
    before = [one for one in known.values() if one.superseded_by == memory.id]
    was = f" Before: {_shortened(before[-1].text)}" if before else ""
    where = ", in private" if memory.private else ""
    when = f"{memory.learned_at:%d %b %Y}"
    return f"{number_of(memory.id)}. {_shortened(memory.text)} ({when}{where}){was}"


def page(known: Sequence[Memory], number: int, replaces: MessageKey | None = None) -> Answer:
    """Return the page `number`, from 1, of what is remembered; the nearest there is."""
    current = [memory for memory in known if memory.current]
    if not current:
        return Answer(NOTHING, private=True, replaces=replaces)
    pages = -(-len(current) // ON_A_PAGE)
    number = min(max(number, 1), pages)
    shown = current[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
    by_id = {memory.id: memory for memory in known}
    of = f", page {number} of {pages}" if pages > 1 else ""
    lines = [f"I remember this about you{of}:", *(line_of(each, by_id) for each in shown)]
    lines.append("Change one with /memory edit NUMBER TEXT, forget one with /memory forget NUMBER.")
    turns = [(number - 1, "Previous"), (number + 1, "Next")]
    buttons = [Button(PAGE, label, str(to)) for to, label in turns if 1 <= to <= pages]
    buttons += [Button(EDIT, "Change one"), Button(FORGET_WHICH, "Forget one")]
    return Answer("\n".join(lines), private=True, buttons=tuple(buttons), replaces=replaces)


def kept(memory: Memory) -> Answer:
    """Return the confirmation that something is remembered at once."""
    return Answer(
        f"I will remember: {_shortened(memory.text)}",
        buttons=(Button(FORGET, "Forget it", memory.id),),
    )


def which(meant: Sequence[Memory]) -> Answer:
    """Return the question which of these is meant."""
    lines = [f"{number_of(one.id)}. {_shortened(one.text)}" for one in meant[:_MOST_CHOICES]]
    buttons = [
        Button(FORGET, f"Forget {number_of(one.id)}", one.id) for one in meant[:_MOST_CHOICES]
    ]
    text = "\n".join(["Which of these shall I forget?", *lines])
    return Answer(text, private=True, buttons=tuple(buttons))


def forgotten(memories: Sequence[Memory], receipt: ErasureReceipt) -> Answer:
    """Return what was forgotten, and the receipt."""
    said = "\n".join(f"Forgotten: {_shortened(memory.text)}" for memory in memories)
    return Answer(f"{said}\n{counted(receipt)}", private=True)


def forgotten_all(receipt: ErasureReceipt) -> Answer:
    """Return the receipt for everything."""
    return Answer(
        f"Everything is forgotten.\n{counted(receipt)}\nThe key that it was encrypted with is "
        "destroyed, so no backup can bring it back. Whether I may remember things is as you last "
        "said; /memory off ends it.",
        private=True,
    )


def used(memories: Sequence[Memory]) -> Answer:
    """Return which memories an answer used."""
    if not memories:
        return Answer("That answer used nothing that I remember about you.", private=True)
    lines = [f"{number_of(memory.id)}. {_shortened(memory.text)}" for memory in memories]
    return Answer("\n".join(["That answer used:", *lines]), private=True)


def status(standing: MemoryStanding, known: int, *, allowed: bool) -> str:
    """Return how memory stands with a person, and how they change it."""
    if not allowed:
        return NOT_ALLOWED
    if not standing.agreed:
        left = f" {known} memories from before are kept until /memory forget-all." if known else ""
        return OFF + left
    return f"Memory is on{_limits(standing.preferences)}. I remember {known} things; /memory show."


def not_learning(standing: MemoryStanding) -> str:
    """Return why nothing is learned from a person, where memory is allowed."""
    if not standing.agreed:
        return OFF
    if standing.preferences.paused:
        return "Memory is paused; /memory resume goes on."
    return "Memory is limited to other conversations; /memory here adds this one."


def _limits(preferences: MemoryPreferences) -> str:
    if preferences.paused:
        return " but paused; /memory resume goes on"
    if preferences.only_in:
        count = len(preferences.only_in)
        places = "one conversation" if count == 1 else f"{count} conversations"
        return f", limited to {places}; /memory usual lifts that"
    if preferences.everywhere:
        return ", and what I learn anywhere may be used everywhere; /memory usual ends that"
    return ""


def counted(receipt: ErasureReceipt) -> str:
    """Return the receipt, a line for each store."""
    lines = [f"  {receipt.removed.get(store, 0)} {what}" for store, what in _RECEIPT.items()]
    return "\n".join(["Removed:", *lines])


def _shortened(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= _LONGEST_SHOWN else f"{said[:_LONGEST_SHOWN]}…"
