"""`chatune chat`: one answer to a pipe, or a conversation with a person."""

import sys
from functools import partial
from pathlib import Path

import anyio

from chatune_bots.home import Home
from chatune_bots.start import start


def run_chat(
    home: Home, folder: Path, bot_file: Path | None, model: str | None, *, plain: bool
) -> None:
    """Answer standard input if `plain` or if either end is no terminal; else converse."""
    begun = start(home, folder, bot_file)
    chosen = begun.settings.model_called(model)
    # What a terminal cannot encode is replaced, not an error in the middle of an answer.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    # Each way in loads only what it needs.
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        from chatune_bots.chat_plain import answer_once

        anyio.run(partial(answer_once, begun, chosen))
    else:
        from chatune_bots.chat_live import converse

        anyio.run(partial(converse, begun, chosen))
