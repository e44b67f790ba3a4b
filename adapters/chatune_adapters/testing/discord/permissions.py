"""What the bot and people may do on a guild: Discord's permission bits."""

import enum


class Permission(enum.IntFlag):
    """The permissions that mean something on this server."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MANAGE_THREADS = 1 << 34
    SEND_MESSAGES_IN_THREADS = 1 << 38
    MODERATE_MEMBERS = 1 << 40
    BYPASS_SLOWMODE = 1 << 52


NO_PERMISSION = Permission(0)
EVERYTHING = (1 << 53) - 1
"""Every bit, those without a name here included."""
_MODERATORS = (
    Permission.ADMINISTRATOR
    | Permission.MANAGE_CHANNELS
    | Permission.MANAGE_MESSAGES
    | Permission.MANAGE_THREADS
    | Permission.MODERATE_MEMBERS
    | Permission.BYPASS_SLOWMODE
)
ORDINARY = EVERYTHING & ~_MODERATORS
"""What @everyone may do."""
