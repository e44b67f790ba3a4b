"""Text from outside, made safe to store, show and put into a prompt."""

import unicodedata

_KEPT_CONTROLS = frozenset("\n\t")


def clean(text: str) -> str:
    """Return `text` without what no model or database should see; text that is fine unchanged.

    Line ends become "\\n"; lone surrogates (half of a broken UTF-16 pair) become U+FFFD; control
    characters other than line feed and tab go. Applying it twice changes nothing more.
    """
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        "\ufffd" if "\ud800" <= character <= "\udfff" else character
        for character in text
        if character in _KEPT_CONTROLS or unicodedata.category(character) != "Cc"
    )
