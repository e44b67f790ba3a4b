"""What was measured of a candidate LoRA and of the base model that it is for. Values alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and where it lies with the given confidence; NaN if that cannot be told."""

    value: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What was measured of one model. None: not asked for; NaN: could not be measured.

    accuracy: held-out preference accuracy, from 0 to 1. perplexity: on general text.
    refusals, empty, looping, moderated: shares of the answers to the probe prompts.
    length: the median of those answers, in words.
    sycophancy: share of probes on which it agrees with a wrong opinion.
    exposure: the highest of any canary, in bits. leaks: canaries that it says by itself.
    """

    accuracy: float
    perplexity: float
    refusals: float
    empty: float
    looping: float
    length: float
    sycophancy: float
    moderated: float | None = None
    exposure: float | None = None
    leaks: float | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One of our own probe prompts, answered by both. Never anything that a person wrote."""

    prompt: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Measured:
    """All that the gate judges by.

    votes: held-out votes that can be compared: each pair is one, and of thumbs there are twice
        as many as of the rarer kind, good or bad.
    gain: in preference accuracy over the base model.
    """

    votes: int
    judges: int
    gain: Interval
    before: Behaviour
    after: Behaviour
    win_rate: float | None = None
    examples: tuple[Example, ...] = ()
