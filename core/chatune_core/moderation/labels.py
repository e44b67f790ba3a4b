"""From the names that other models and services give to harm, to our categories."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from chatune_core.moderation.verdicts import Category

Labels = Mapping[str, Category]
"""Names in small letters."""

_WORDS: Mapping[str, Category] = MappingProxyType(
    {
        "harassment": Category.HARASSMENT,
        "toxicity": Category.HARASSMENT,
        "toxic": Category.HARASSMENT,
        "severe_toxicity": Category.HARASSMENT,
        "severe_toxic": Category.HARASSMENT,
        "insult": Category.HARASSMENT,
        "offensive": Category.HARASSMENT,
        "hate": Category.HATE,
        "hateful": Category.HATE,
        "hate_speech": Category.HATE,
        "identity_attack": Category.HATE,
        "identity_hate": Category.HATE,
        "sexual": Category.SEXUAL,
        "sexual_explicit": Category.SEXUAL,
        "obscene": Category.SEXUAL,
        "self-harm": Category.SELF_HARM,
        "self_harm": Category.SELF_HARM,
        "violence": Category.VIOLENCE,
        "threat": Category.VIOLENCE,
        "illicit/violent": Category.VIOLENCE,
        "spam": Category.SPAM,
        "injection": Category.INJECTION,
        "jailbreak": Category.INJECTION,
        "malicious": Category.INJECTION,
        "pii": Category.PII,
    }
)


def category_of(label: str, labels: Labels) -> Category | None:
    """Return what `label` means: by `labels`, else by its usual meaning; None for neither.

    A subcategory, as in "hate/threatening", means what its own name or its category means.
    """
    name = label.strip().lower()
    for key in (name, name.partition("/")[0]):
        meaning = labels.get(key) or _WORDS.get(key.replace(" ", "_"))
        if meaning is not None:
            return meaning
    return None


def by_category(scores: Iterable[tuple[str, float]], labels: Labels) -> dict[Category, float]:
    """Return the highest score of each category; labels that mean none of them are left out."""
    highest: dict[Category, float] = {}
    for label, score in scores:
        category = category_of(label, labels)
        if category is not None:
            bounded = min(1.0, max(0.0, score))
            highest[category] = max(bounded, highest.get(category, 0.0))
    return highest
