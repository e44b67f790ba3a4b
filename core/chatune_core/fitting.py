"""What a platform cannot show, put into words: the one place where replies degrade."""

from dataclasses import replace

from chatune_core.messages import Button, File, Reply
from chatune_core.ports import Capabilities

RATING = (
    Button("good", "👍"),
    Button("bad", "👎"),
    Button("again", "Again"),
    Button("correct", "Correct it"),
)
"""Under every answer of a model, where there are buttons; elsewhere commands do the same."""
STOP = Button("stop", "Stop")
"""Under an answer while it is being written."""


def fitted(reply: Reply, capabilities: Capabilities, press: str) -> Reply:
    """Return `reply` as a platform with `capabilities` can show it, with all of its buttons.

    `press` is the command to type where there are none.
    """
    if not (reply.rateable or reply.buttons or reply.files):
        return reply
    text, buttons, files = reply.text, reply.buttons, reply.files
    if capabilities.buttons:
        buttons += RATING if reply.rateable else ()
    elif buttons:
        text = "\n".join([text, "", *(_as_command(button, press) for button in buttons)])
        buttons = ()
    if files and not capabilities.files:
        text = "\n".join([text, "", *map(_as_line, files)])
        files = ()
    if text is reply.text and buttons is reply.buttons:
        return reply
    return replace(reply, text=text.strip(), buttons=buttons, files=files)


def _as_command(button: Button, press: str) -> str:
    pressed = f"{button.action}={button.value}" if button.value else button.action
    if any(character.isspace() for character in pressed):
        mark = "'" if '"' in pressed else '"'
        pressed = f"{mark}{pressed}{mark}"
    return f"{button.label}: {press} {pressed}"


def _as_line(file: File) -> str:
    return f"({file.name}, {len(file.content):,} bytes: files cannot be sent here.)"
