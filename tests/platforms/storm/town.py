"""Where the people of a storm live: what the tests need of either platform's server."""

from typing import Protocol

from platforms.storm.judge import Said, Shown


class Town(Protocol):
    """One platform with people in many conversations; the platform's record is the judge."""

    platform: str

    @property
    def environment(self) -> dict[str, str]:
        """What tells `chatune serve` where the platform is."""
        ...

    async def say(self, conversation: int, name: str, question: str) -> None:
        """Let the person of a conversation ask something."""
        ...

    async def heard(self) -> None:
        """Return when the bot listens."""
        ...

    def said(self) -> list[Said]:
        """Return what was said, in order."""
        ...

    def shown(self) -> list[Shown]:
        """Return what people see of the bot."""
        ...

    def begin_storm(self, seed: int, vigour: float) -> None:
        """Let everything go wrong from now on, a share of `vigour` of all that could."""
        ...

    def calm(self) -> None:
        """Let nothing go wrong any more."""
        ...

    def hang_up(self) -> None:
        """End the connections that have fallen silent, as a network does in the end."""
        ...

    def struck(self) -> dict[str, int]:
        """Return how often each kind of fault struck."""
        ...

    def kinds(self) -> set[str]:
        """Return every kind of fault that there is."""
        ...
