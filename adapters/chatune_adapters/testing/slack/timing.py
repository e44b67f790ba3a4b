"""How long things last, in Slack's seconds, and how fast those pass here."""

from dataclasses import dataclass


@dataclass(slots=True)
class Timing:
    """Slack's periods in seconds. Waits are multiplied by `scale`, so that 0.01 makes them quick.

    Expiry (triggers, response URLs, streams, tokens) is read from the server's clock, not scaled: hand
    the server a clock of your own to let it pass.

    Attributes:
        ack_within: how long the app may take to acknowledge.
        retries: waits before each further delivery of an event that was not acknowledged.
        warning_lasts: from the warning of a disconnect to its refresh_requested.
        refresh_lasts: from refresh_requested to the close of the socket.
        ping_every: between the ping frames of a socket.
        trigger_lives: how long a trigger_id may be exchanged.
        response_url_lives: how long a response_url answers.
        token_lives: how long a token is good, where tokens rotate.
        stream_lives: from the start of a streamed message to its end by the server.
    """

    scale: float = 1.0
    ack_within: float = 3.0
    retries: tuple[float, ...] = (0.0, 60.0, 300.0)
    warning_lasts: float = 10.0
    refresh_lasts: float = 10.0
    ping_every: float = 30.0
    trigger_lives: float = 3.0
    response_url_lives: float = 1800.0
    stream_lives: float = 300.0
    token_lives: float = 43_200.0

    def scaled(self, seconds: float) -> float:
        """Return how long that takes here."""
        return seconds * self.scale
