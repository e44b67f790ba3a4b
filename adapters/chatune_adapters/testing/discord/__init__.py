"""A stateful Discord on loopback that an unmodified discord.py connects to.

Real HTTP and a real WebSocket gateway, with Discord's limits, refusals and, on demand, its faults.
Its record of messages is what a test asserts about.
"""

from chatune_adapters.testing.discord import faults
from chatune_adapters.testing.discord.entities import (
    Attachment,
    Channel,
    ChannelType,
    Edit,
    Guild,
    Member,
    Message,
    MessageFlag,
    Role,
    User,
)
from chatune_adapters.testing.discord.interactions import Callback, Interaction
from chatune_adapters.testing.discord.limits import Limit
from chatune_adapters.testing.discord.permissions import Permission
from chatune_adapters.testing.discord.record import Connection, Request
from chatune_adapters.testing.discord.server import DiscordServer
from chatune_adapters.testing.discord.settings import Intent, Settings

__all__ = [
    "Attachment",
    "Callback",
    "Channel",
    "ChannelType",
    "Connection",
    "DiscordServer",
    "Edit",
    "Guild",
    "Intent",
    "Interaction",
    "Limit",
    "Member",
    "Message",
    "MessageFlag",
    "Permission",
    "Request",
    "Role",
    "Settings",
    "User",
    "faults",
]
