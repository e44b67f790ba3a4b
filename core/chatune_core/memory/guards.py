"""What is not remembered unless a person asks for it: others, protected traits, secrets. Pure.

A word list errs on the side of forgetting: what it stops can still be remembered by
"remember that ...".
"""

import re

_OTHERS = re.compile(
    r"\b(?:he|she|him|her|his|hers)\b|@\w|"
    r"\b(?:my|our)(?: \w+)? (?:wife|husband|spouse|partner|girlfriend|boyfriend|fianc[ée]e?|sons?|"
    r"daughters?|child|children|kids?|baby|mother|father|mom|mum|dad|parents?|brothers?|sisters?|"
    r"siblings?|cousins?|aunt|uncle|niece|nephew|family|grand(?:mother|father|ma|pa|parents|son|daughter)|"
    r"friends?|boss|manager|colleagues?|co-?workers?|neighbou?rs?|roommates?|teammates?|patients?|"
    r"clients?|students)\b",
    re.IGNORECASE,
)
_HEALTH = (
    r"allerg\w*|diagnos\w*|depress(?:ed|ion|ive)|anxiety|adhd|autis\w+|bipolar|cancer|diabet\w+|"
    r"asthma\w*|epilep\w+|hiv|aids|dement\w+|ptsd|disab(?:led|ility|ilities)|pregnan\w+|miscarr\w+|"
    r"medicat\w+|antidepress\w+|insulin|illness\w*|disease\w*|disorder\w*|syndrome|chronic|"
    r"injur(?:y|ies|ed)|surgery|therap(?:y|ist)|migraines?|arthritis|celiac|coeliac|"
    r"intoleran(?:t|ce)|addict\w+|alcoholic|rehab|suicid\w+|overweight|obes\w+|vision loss|deaf|blind"
)
_BELIEF = (
    r"christian\w*|catholic\w*|protestant\w*|orthodox|muslim\w*|islam\w*|jew(?:s|ish)?|judaism|hindu\w*|"
    r"buddhis\w+|sikh\w*|atheis\w+|agnostic|mormon\w*|church|mosque|synagogue|temple|pray(?:er|ing)?|"
    r"religio\w+|faith|god|allah|ramadan|bible|quran|koran"
)
_POLITICS = (
    r"vot(?:e|ed|er|ing)|republican\w*|democrats?|conservatives?|liberals?|socialis\w+|communis\w+|"
    r"left-wing|right-wing|libertarian\w*|politic\w+|labou?r party|tory|tories|trade union|union member"
)
_LIFE = (
    r"gay|lesbian|bisexual|transgender|trans(?: (?:man|woman))?|queer|asexual|heterosexual|homosexual|"
    r"nonbinary|non-binary|sexuality|sexual orientation|ethnic\w*|race|racial|immigrant|refugee|"
    r"undocumented|convict\w+|criminal record|felony|prison|jail|salary|in debt|bankrupt\w*"
)
_PROTECTED = re.compile(rf"\b(?:{_HEALTH}|{_BELIEF}|{_POLITICS}|{_LIFE})\b", re.IGNORECASE)
_SECRET = re.compile(
    r"\b(?:passw(?:or)?d|passphrase|passcode|pin(?: code| number)?|secret key|api[ _-]?key|token|"
    r"credit card|card number|iban|account number|ssn|social security|passport number)\b|"
    r"[\w.+-]+@[\w-]+\.\w|\d[\d ().-]{7,}\d|\b(?=\w*\d)(?=\w*[A-Za-z])\w{16,}\b",
    re.IGNORECASE,
)


def about_others(sentence: str) -> bool:
    """Whether the sentence speaks of somebody besides the person who said it."""
    return _OTHERS.search(sentence) is not None


def protected(sentence: str) -> bool:
    """Whether it may tell of health, belief, politics, sexuality, origin, crime or money.

    Source: GDPR article 9 and 10, and Discord's Developer Policy on profiling, widened.
    """
    return _PROTECTED.search(sentence) is not None


def secret(sentence: str) -> bool:
    """Whether it holds a secret, a number that identifies, or an address to reach somebody at."""
    return _SECRET.search(sentence) is not None


def unasked(sentence: str) -> bool:
    """Whether the sentence must not be remembered unless the person asked for just that."""
    return secret(sentence) or protected(sentence) or about_others(sentence)
