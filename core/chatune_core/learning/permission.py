"""Whose permission it takes to learn from what was said somewhere, besides its author's own."""

OWN_PLATFORM = "terminal"
"""Where people sit at this machine; everybody else writes on somebody's platform."""


def needs_permission(name: str) -> bool:
    """Return whether what the person or conversation `name` says is on somebody else's platform.

    Discord forbids training on messages without its written permission, Slack training of language
    models with its data; of a platform that is not known the same is taken to be so.
    """
    return name.partition(":")[0] != OWN_PLATFORM
