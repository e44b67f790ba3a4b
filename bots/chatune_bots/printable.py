"""Text from outside, as a line that cannot steer the terminal."""


def printable(text: str) -> str:
    """Return `text` with a question mark in place of every character that is not shown as itself."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
