"""A logger for the libraries: they write tokens, tickets and message texts into theirs."""

import logging


class QuietLogger(logging.Logger):
    """Nobody's logger, which lets nothing through; what matters the adapter logs itself."""

    def __init__(self) -> None:
        super().__init__("chatune_adapters.slack.library", logging.CRITICAL + 1)
