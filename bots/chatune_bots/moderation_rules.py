"""The rules that the settings ask for, with the operator's files."""

import re
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from chatune_bots.moderation_settings import ImageSection, ModerationSection
from chatune_core.errors import ConfigurationError
from chatune_core.moderation.moderator import PictureRule, Rule
from chatune_core.moderation.rules.default_words import SCAM_PHRASES
from chatune_core.moderation.rules.hidden import HiddenText
from chatune_core.moderation.rules.links import LinkPolicy, Links
from chatune_core.moderation.rules.mentions import Mentions
from chatune_core.moderation.rules.personal_data import PersonalData
from chatune_core.moderation.rules.words import WordList
from chatune_core.moderation.verdicts import Category, Finding

if TYPE_CHECKING:
    from chatune_core.moderation.images.hashing import DenyList
    from chatune_core.moderation.images.rule import ImageRule

_DOMAIN = re.compile(r"[^\W_]([\w-]*\.)*[\w-]+")
_SUSPICIOUS = 0.9  # people warn each other of scams in the same words, so a person should look
_UNREMARKABLE = 0.1  # everybody shortens links; it shows among the findings and calls nobody
_LONGEST_FILE = 10_000_000  # bytes; a larger one is no list of words


def open_rules(section: ModerationSection, folder: Path) -> list[Rule]:
    """Return the rules; relative paths begin at `folder`.

    Raises:
        ConfigurationError: a file cannot be read or holds what is no entry.
    """
    links = LinkPolicy(
        allow=_domains(section.links.allow, folder),
        deny=_domains(section.links.deny, folder),
        only_allowed=section.links.only_allowed,
        shortener_score=_UNREMARKABLE,
    )
    return [
        PersonalData(section.regions),
        Links(links),
        HiddenText(),
        Mentions(section.mentions),
        *_word_lists(section, folder),
    ]


def _domains(listed: tuple[str, ...], folder: Path) -> frozenset[str]:
    named = [
        domain
        for entry in listed
        for domain in (entries(folder, entry[1:]) if entry.startswith("@") else [entry])
    ]
    return frozenset(_domain(entry) for entry in named)


def _domain(entry: str) -> str:
    """Return a domain in small letters; a whole link in its place would never match anything.

    Raises:
        ConfigurationError: it is no domain.
    """
    domain = entry.strip().lower().strip(".")
    if not _DOMAIN.fullmatch(domain):
        raise ConfigurationError(
            f"{entry!r} in moderation.links is no domain.", 'Write it as in "example.com".'
        )
    return domain


def _word_lists(section: ModerationSection, folder: Path) -> list[Rule]:
    allow = [word for name in section.words.allow for word in entries(folder, name)]
    lists: list[Rule] = [
        _word_list(name, entries(folder, name), category, allow)
        for category in Category
        for name in section.words.files(category)
    ]
    if section.words.scams:
        scams = WordList(
            "scams", SCAM_PHRASES, category=Category.SPAM, allow=allow, score=_SUSPICIOUS
        )
        lists.append(scams)
    return lists


def _word_list(name: str, words: list[str], category: Category, allow: list[str]) -> WordList:
    try:
        return WordList(Path(name).stem, words, category=category, allow=allow)
    except ValueError as error:
        raise ConfigurationError(f"The word list {name}: {error}.", "Mend that entry.") from error


def entries(folder: Path, name: str) -> list[str]:
    """Return the lines of the file `name` without empty ones and comments (`#`).

    Raises:
        ConfigurationError: it cannot be read as a list.
    """
    file = folder / Path(name).expanduser()
    try:
        if file.stat().st_size > _LONGEST_FILE:
            raise ConfigurationError(f"{file} is too large to be a list.", "Choose another file.")
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigurationError(
            f"The list {file} cannot be read: {error.strerror}.", "Check the path in [moderation]."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"The list {file} is not UTF-8 text.", "Save it so.") from error
    return [entry for line in lines if (entry := line.strip()) and not entry.startswith("#")]


def open_pictures(section: ImageSection, folder: Path) -> PictureRule:
    """Return the rule for pictures; its model is loaded for the first picture.

    Raises:
        ConfigurationError: the deny-list cannot be used.
    """
    if section.deny is None:
        return _LatePictures(None)
    from chatune_core.moderation.images.hashing import DenyList

    return _LatePictures(DenyList.read(folder / Path(section.deny).expanduser()))


class _LatePictures:
    """Loads the model for pictures when one comes; few bots ever see any."""

    def __init__(self, denied: "DenyList | None") -> None:
        self._denied = denied
        self._rule: ImageRule | None = None
        self._opening = Lock()
        self.name = ""

    def find(self, data: bytes) -> list[Finding]:
        """See PictureRule.find."""
        from chatune_core.moderation.images.classifier import ImageClassifier
        from chatune_core.moderation.images.rule import ImageRule

        with self._opening:
            if self._rule is None:
                classifier = ImageClassifier.open()
                self.name = classifier.name
                self._rule = ImageRule(classifier, self._denied)
        return self._rule.find(data)
