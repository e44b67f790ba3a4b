"""A stateful Slack on loopback, for tests of bots: real HTTP and WebSockets, faults on demand."""

from chatune_adapters.testing.slack.faults import (
    AnswerLost,
    ConnectionDropped,
    Disconnect,
    Duplicated,
    Fault,
    Faults,
    Late,
    Malformed,
    OutOfOrder,
    RateLimited,
    Refused,
    RetriedThoughAcked,
    ServerError,
    SlowAnswer,
    SocketDropped,
    SocketSilenced,
    StreamDies,
    UnknownEvent,
    whole_storm,
)
from chatune_adapters.testing.slack.limits import Limits, Rate
from chatune_adapters.testing.slack.people import Answer, Upload
from chatune_adapters.testing.slack.record import ApiCall, Delivery, GivenUp, Log, SocketSeen
from chatune_adapters.testing.slack.server import SlackServer
from chatune_adapters.testing.slack.signing import signed
from chatune_adapters.testing.slack.timing import Timing
from chatune_adapters.testing.slack.world import App, Channel, File, Message, Team, User, View

__all__ = [
    "Answer",
    "AnswerLost",
    "ApiCall",
    "App",
    "Channel",
    "ConnectionDropped",
    "Delivery",
    "Disconnect",
    "Duplicated",
    "Fault",
    "Faults",
    "File",
    "GivenUp",
    "Late",
    "Limits",
    "Log",
    "Malformed",
    "Message",
    "OutOfOrder",
    "Rate",
    "RateLimited",
    "Refused",
    "RetriedThoughAcked",
    "ServerError",
    "SlackServer",
    "SlowAnswer",
    "SocketDropped",
    "SocketSeen",
    "SocketSilenced",
    "StreamDies",
    "Team",
    "Timing",
    "UnknownEvent",
    "Upload",
    "User",
    "View",
    "signed",
    "whole_storm",
]
