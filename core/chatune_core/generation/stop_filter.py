"""Stop strings over a stream of text pieces: nothing of a stop string is ever let through."""

from collections.abc import Sequence


class StopFilter:
    """Passes streamed text on, holding back what may yet become a stop string or a character.

    `stopped` turns True when a stop string has come; what follows it is dropped.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(string for string in stop if string)
        self._held = ""
        self.stopped = False

    def passed(self, text: str) -> str:
        """Return what may be shown now that `text` has come; may be empty."""
        if self.stopped:
            return ""
        text = _joined(self._held + text)
        ends = [end for end in map(text.find, self._stop) if end >= 0]
        if ends:
            self.stopped, self._held = True, ""
            return text[: min(ends)]
        shown = len(text) - self._undecided(text)
        self._held = text[shown:]
        return text[:shown]

    def rest(self) -> str:
        """Return what was held back, once it is known that nothing follows."""
        rest, self._held = self._held, ""
        return rest.encode("utf-8", "replace").decode()

    def _undecided(self, text: str) -> int:
        """Return how many characters at the end of `text` the next piece decides about."""
        starts = (
            length
            for string in self._stop
            for length in range(min(len(string) - 1, len(text)), 0, -1)
            if text.endswith(string[:length])
        )
        half = int("\ud800" <= text[-1:] <= "\udbff")
        return max(half, max(starts, default=0))


def _joined(text: str) -> str:
    # JSON allows a character above U+FFFF to be split over two pieces as two surrogates.
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    body, half = (text[:-1], text[-1]) if "\ud800" <= text[-1] <= "\udbff" else (text, "")
    return body.encode("utf-16", "surrogatepass").decode("utf-16", "replace") + half
