"""All personal data and secrets in one rule."""

from collections.abc import Sequence

from chatune_core.moderation.normalising import Normalised
from chatune_core.moderation.rules.contacts import Contacts
from chatune_core.moderation.rules.national_ids import NATIONAL_IDS
from chatune_core.moderation.rules.payments import Payments
from chatune_core.moderation.rules.rule import Rule
from chatune_core.moderation.rules.secrets import SECRETS
from chatune_core.moderation.rules.shapes import Shapes
from chatune_core.moderation.verdicts import Finding


class PersonalData:
    """Finds cards, accounts, contacts, national ids and secrets; one finding per kind.

    `regions` are the ISO 3166 codes of the countries whose telephone numbers people write without
    a country code.
    """

    def __init__(self, regions: Sequence[str] = ("US",)) -> None:
        self._rules: tuple[Rule, ...] = (
            Payments(),
            Contacts(regions),
            Shapes(NATIONAL_IDS),
            Shapes(SECRETS),
        )

    def find(self, text: Normalised) -> list[Finding]:
        """See Rule.find."""
        return [finding for rule in self._rules for finding in rule.find(text)]
