"""Whether a text, as it was said, tells what its author likes or does not. Pure, English."""

import re

_LIKING = re.compile(
    r"\b(?:prefer\w*|avoid\w*|dislik\w*|hate\w*|aversion|allerg\w*|intoleran\w*|refuse to|gravitate"
    r"|(?:can't|cannot|can not) stand"
    r"|(?:not|never been|isn't|aren't) (?:really )?(?:a |much of a )?(?:big |huge )?fan"
    r"|(?:don't|doesn't|do not|didn't|not) (?:\w+ )?(?:like|enjoy|appeal|interest|align|want)"
    r"|not (?:my|interested|comfortable|into)|my favou?rite|option \d)\b",
    re.IGNORECASE,
)


def tells_a_liking(text: str) -> bool:
    """Return whether `text` says what its author prefers, avoids or chooses: "option 2, please".

    For finding, where a wrong guess moves a text up or down a little. What is remembered as a
    preference is for `extraction` to say.
    """
    return _LIKING.search(text.replace("\u2019", "'")) is not None
