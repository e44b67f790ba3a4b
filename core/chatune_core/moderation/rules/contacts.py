"""E-mail addresses, IP addresses and telephone numbers."""

import ipaddress
import re
from collections.abc import Iterator, Sequence

import phonenumbers

from chatune_core.moderation.normalising import Normalised
from chatune_core.moderation.rules.rule import finding
from chatune_core.moderation.rules.shapes import Place, digits
from chatune_core.moderation.verdicts import Category, Finding

_DOMAIN = re.compile(r"@(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w\-])")
_LOCAL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~\-]{1,64}\Z")
_FIRST_OF_LOCAL = re.compile(r"[\w+]")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-fA-F:]*:[0-9a-fA-F:]*:)[0-9a-fA-F:]{6,39}(?![\w:])")
# Without a country the number must be punctuated as one, or begin with the trunk prefix 0.
_PHONE = re.compile(
    r"(?P<international>(?<![\w+])(?:\+|00(?=[1-9]))\d{1,15}"
    r"(?:[ .\-/]{1,2}\d{1,12}|[ .\-/]{0,2}\(\d{1,6}\)\d{0,12}){0,7}(?!\w))"
    r"|(?<![\w.\-/#+$€£])(?:1[ .\-])?(?:\(\d{2,5}\)[ .\-]?|\d{3,5}[ .\-]|0)"
    r"\d{2,4}(?:[ .\-]?\d{2,4}){1,3}(?![\w\-/]|\.\d)"
)
_AMERICAN = re.compile(r"(?:1[ .\-])?(?:\(\d{3}\)[ .\-]?|\d{3}[ .\-])\d{3}[ .\-]?\d{4}")
_DATE = re.compile(r"\d{4}[.\-]\d\d[.\-]\d\d.*")
_CHECKED = 256


class Contacts:
    """Finds e-mail addresses, public IP addresses and telephone numbers.

    A telephone number with its country is found anywhere; one without only where it is valid in
    one of `regions`, ISO 3166 codes.
    """

    def __init__(self, regions: Sequence[str] = ("US",)) -> None:
        self._regions = tuple(regions)

    def find(self, text: Normalised) -> list[Finding]:
        """See Rule.find."""
        plain = text.plain
        return [
            *finding(Category.PII, 1.0, "pii.email", plain, emails(plain.text)),
            *finding(Category.PII, 1.0, "pii.ip", plain, ip_addresses(plain.text)),
            *finding(Category.PII, 1.0, "pii.phone", plain, self._phones(plain.text)),
        ]

    def _phones(self, text: str) -> Iterator[Place]:
        """Return where numbers stand.

        A number is parsed in 0.1 ms; of a text with hundreds, the rest is taken as read.
        """
        checked = 0
        for found in _PHONE.finditer(text):
            if not 7 <= len(digits(found[0])) <= 17:
                continue
            checked += 1
            regions = (None,) if found.lastgroup == "international" else self._regions
            if checked > _CHECKED or any(_is_phone(found[0], each) for each in regions):
                yield found.span()


def emails(text: str) -> Iterator[Place]:
    """Return where e-mail addresses stand."""
    for domain in _DOMAIN.finditer(text):
        local = _LOCAL.search(text, max(0, domain.start() - 64), domain.start())
        if local and (first := _FIRST_OF_LOCAL.search(text, local.start(), local.end())):
            start = max(first.start(), text.rfind("=", local.start(), domain.start()) + 1)
            yield start if start < domain.start() else first.start(), domain.end()


def ip_addresses(text: str) -> Iterator[Place]:
    """Return where public addresses stand; those of a home network say nothing."""
    for pattern in (_IPV4, _IPV6):
        for found in pattern.finditer(text):
            if _is_public(found[0]):
                yield found.span()


def _is_public(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    if address.version == 6 and sum(map(bool, written.split(":"))) < 3:
        return False
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or any(address in network for network in _AT_HOME if network.version == address.version)
    )


_AT_HOME = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "240.0.0.0/4",
        "fc00::/7",
    )
)


def _is_phone(written: str, region: str | None) -> bool:
    if region is not None and not _is_dialled_so(written, region):
        return False
    if region is None and written.startswith("00"):
        written = "+" + written[2:]
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return False
    if region is None:
        # Numbers reserved for drama and documentation are possible without being valid.
        return phonenumbers.is_possible_number(number)
    return phonenumbers.is_valid_number_for_region(number, region)


def _is_dialled_so(written: str, region: str) -> bool:
    """Whether people of `region` write a number so: many prices and dates would be valid numbers."""
    if phonenumbers.country_code_for_region(region) == 1:
        return _AMERICAN.fullmatch(written) is not None
    plan = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if plan is not None and (prefix := plan.national_prefix):
        return written.lstrip("(").startswith(prefix)
    return len(digits(written)) >= 9 and _DATE.fullmatch(written) is None
