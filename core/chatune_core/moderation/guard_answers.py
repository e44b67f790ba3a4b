"""What guard models answer, family by family, and what the answers are worth.

None of them gives a probability, so an answer becomes one of three scores.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from chatune_core.moderation.labels import Labels
from chatune_core.moderation.verdicts import Category

Family = Literal["qwen3guard", "llama-guard", "granite-guardian"]
UNSAFE, DOUBTFUL, SAFE = 0.95, 0.6, 0.0
"""What an answer is worth: the model is certain, it is not, it sees nothing."""

_QWEN: Labels = MappingProxyType(
    {
        "violent": Category.VIOLENCE,
        "sexual content or sexual acts": Category.SEXUAL,
        "suicide & self-harm": Category.SELF_HARM,
        "unethical acts": Category.HATE,
        "pii": Category.PII,
        "jailbreak": Category.INJECTION,
    }
)
_LLAMA: Labels = MappingProxyType(
    {
        "s1": Category.VIOLENCE,
        "s3": Category.SEXUAL,
        "s4": Category.SEXUAL,
        "s7": Category.PII,
        "s9": Category.VIOLENCE,
        "s10": Category.HATE,
        "s11": Category.SELF_HARM,
        "s12": Category.SEXUAL,
    }
)
_GRANITE: Labels = MappingProxyType(
    {
        "social_bias": Category.HATE,
        "profanity": Category.HARASSMENT,
        "sexual_content": Category.SEXUAL,
        "violence": Category.VIOLENCE,
        "jailbreak": Category.INJECTION,
    }
)
DEFAULT_LABELS: Mapping[Family, Labels] = MappingProxyType(
    {"qwen3guard": _QWEN, "llama-guard": _LLAMA, "granite-guardian": _GRANITE}
)
"""What each family's own categories mean; those left out mean none of ours.

Of Granite Guardian they are also the questions: it is asked each of them by name.
"""
_SAFETY = re.compile(r"safety:\s*(safe|unsafe|controversial)", re.IGNORECASE)
_CATEGORIES = re.compile(r"categories:([^\n]*)", re.IGNORECASE)
_HAZARD = re.compile(r"\bs\d{1,2}\b")
_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)
_YES_NO = re.compile(r"(?:<score>\s*)?\b(yes|no)\b", re.IGNORECASE)
_UNSURE = re.compile(r"<confidence>\s*low", re.IGNORECASE)


def qwen3guard_scores(answer: str, labels: Labels) -> dict[Category, float]:
    """Read "Safety: Unsafe", "Categories: Violent, PII".

    Raises:
        ValueError: the answer is no such verdict.
    """
    safety = _SAFETY.search(answer)
    if safety is None:
        raise ValueError(answer)
    score = {"unsafe": UNSAFE, "controversial": DOUBTFUL}.get(safety[1].lower(), SAFE)
    named = _CATEGORIES.search(answer)
    names = (name.strip().lower() for name in named[1].split(",")) if named else ()
    return _scores({labels[name] for name in names if name in labels}, score, labels)


def llama_guard_scores(answer: str, labels: Labels) -> dict[Category, float]:
    """Read "safe", or "unsafe" and a line of hazards: "S1,S10".

    Raises:
        ValueError: the answer is no such verdict.
    """
    word, _, hazards = answer.strip().lower().partition("\n")
    if word.strip() not in ("safe", "unsafe"):
        raise ValueError(answer)
    score = UNSAFE if word.strip() == "unsafe" else SAFE
    named = {labels[name] for name in _HAZARD.findall(hazards) if name in labels}
    return _scores(named, score, labels)


def granite_guardian_score(answer: str) -> float:
    """Read "<score> yes </score>", or the older "Yes" with "<confidence> Low </confidence>".

    Raises:
        ValueError: the answer is no such verdict.
    """
    said = _YES_NO.search(_THOUGHTS.sub("", answer))
    if said is None:
        raise ValueError(answer)
    if said[1].lower() == "no":
        return SAFE
    return DOUBTFUL if _UNSURE.search(answer) else UNSAFE


def _scores(named: set[Category], score: float, labels: Labels) -> dict[Category, float]:
    return {category: score if category in named else SAFE for category in labels.values()}
