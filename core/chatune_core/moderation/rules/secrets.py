"""Keys, tokens and passwords, by the prefix that their service gives them or by their entropy."""

import math
import re
from collections import Counter

from chatune_core.moderation.rules.shapes import Shape

_BEFORE, _AFTER = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
# Bits per character: a password that people think of stays below, random letters and digits above.
_RANDOM = 3.2


def entropy(text: str) -> float:
    """Return the Shannon entropy of `text` in bits per character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def is_random(text: str) -> bool:
    """Whether `text` looks made by a machine: high entropy, letters and digits mixed."""
    return (
        entropy(text) >= _RANDOM and any(map(str.isdecimal, text)) and any(map(str.isalpha, text))
    )


def _tail_is_random(token: str) -> bool:
    return is_random(token[4:])


def _secret(name: str, pattern: str) -> tuple[str, re.Pattern[str]]:
    return f"secret.{name}", re.compile(f"{_BEFORE}(?:{pattern}){_AFTER}")


SECRETS = (
    Shape(*_secret("aws", r"(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{16}")),
    Shape(*_secret("github", r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}")),
    Shape(*_secret("gitlab", r"gl(?:pat|dt|rt|ptt|oas)-[\w\-]{20,64}")),
    Shape(*_secret("slack", r"xox[abceoprs]-[\w\-]{10,250}|xapp-\d-[\w\-]{10,250}")),
    Shape(
        "secret.slack",
        re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/\-]{20,120}"),
    ),
    Shape(*_secret("discord", r"[MNO][\w\-]{22,27}\.[\w\-]{6,7}\.[\w\-]{27,40}"), is_random),
    Shape(
        "secret.discord",
        re.compile(r"discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{15,21}/[\w\-]{40,90}"),
    ),
    Shape(*_secret("google", r"AIza[\w\-]{35}|ya29\.[\w\-]{20,250}|GOCSPX-[\w\-]{28}")),
    Shape(
        *_secret("stripe", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9+/=]{24,64}")
    ),
    Shape(
        *_secret(
            "openai", r"sk-(?:(?:proj|svcacct|admin|or|ant)-[\w\-]{16,250}|[A-Za-z0-9]{20,250})"
        ),
        _tail_is_random,
    ),
    Shape(*_secret("hugging_face", r"hf_[A-Za-z0-9]{30,64}"), _tail_is_random),
    Shape(*_secret("npm", r"npm_[A-Za-z0-9]{36}|pypi-AgEI[\w\-]{50,250}")),
    Shape(*_secret("telegram", r"\d{8,10}:AA[\w\-]{33}")),
    Shape(*_secret("sendgrid", r"SG\.[\w\-]{16,32}\.[\w\-]{32,64}")),
    Shape(*_secret("twilio", r"(?:SK|AC)[0-9a-f]{32}")),
    Shape(
        *_secret("jwt", r"(?<![\w\-])eyJ[\w\-]{8,4000}\.eyJ[\w\-]{8,4000}(?:\.[\w\-]{16,2000})?"),
    ),
    Shape(
        "secret.private_key",
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[^-]{0,16000}-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
    ),
    Shape(
        "secret.url_password", re.compile(r"://[^\s/:@]{1,64}:(?P<it>[^\s/:@]{3,128})@(?=[\w\[])")
    ),
    Shape(
        "secret.assigned",
        re.compile(
            r"(?i)(?:pass(?:word|wd|phrase)?|secret|token|api[_\-]?key|access[_\-]?key|auth)"
            r"[\"']?\s{0,3}(?::|=>?|is)\s{0,3}[\"'`]?(?:bearer\s)?"
            r"(?P<it>[\w+/=.~\-]{16,250})(?![\w+/=~\-])"
        ),
        is_random,
    ),
)
"""Shapes for a `Shapes` rule. A publishable key (Stripe's pk_) is no secret."""
