"""The doctor's look at moderation: do its lists and its model load, does its service answer."""

from datetime import timedelta

from chatune_bots.configuration import Configuration
from chatune_bots.home import Home
from chatune_bots.moderation import open_moderation
from chatune_bots.moderation_settings import GuardSection, NoClassifier
from chatune_bots.moderation_watching import watching
from chatune_bots.start import settings_folder
from chatune_core.moderation.moderator import Failing
from chatune_core.moderation.verdicts import Role


async def moderation(configuration: Configuration, home: Home) -> str:
    """Judge a harmless text as a bot would and return what judged it.

    A guard model is looked at with the other models, so here only the rules beside it are.

    Raises:
        ConfigurationError: a list, the model or what is said of watched places cannot be used.
        RetryLater: the service does not answer.
    """
    section = configuration.settings.moderation
    if section.mode == "off":
        return "off; nothing is looked at"
    watched = len([each for each in watching(section).places.values() if each is not None])
    alone = section
    if isinstance(section.classifier, GuardSection):
        alone = section.model_copy(update={"classifier": NoClassifier(kind="none")})
    strict = Failing(timedelta(seconds=section.timeout_s), frozenset(Role))
    async with open_moderation(alone, settings_folder(configuration, home), {}, strict) as opened:
        assert opened.moderator is not None
        await opened.moderator.prepare()
        verdict = await opened.moderator.check("hello", Role.USER)
    if isinstance(section.classifier, GuardSection):
        judge = f"rules and the guard model {section.classifier.model!r}"
    else:
        judge = f"rules and {verdict.model}" if verdict.model else "rules alone"
    missing = "; the embedded classifier is not installed (`make setup` does that)" * bool(
        opened.lines
    )
    watches = f"; watches {watched} place{'s' * (watched > 1)}" * bool(watched)
    return f"{section.mode}; {judge}{missing}{watches}"
