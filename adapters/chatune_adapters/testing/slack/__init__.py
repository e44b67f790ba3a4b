"""A stateful Slack on loopback, for tests of bots: real HTTP and WebSockets, faults on demand.

slack_bolt and slack_sdk connect to it unmodified, given `base_url=server.api_base`.

What it does rests on four kinds of ground:

- Seen in slack_bolt 1.30 and slack_sdk 3.47: the signature and its five minutes; the envelopes of
  Socket Mode, the acknowledgement by envelope_id, `retry_attempt` and `retry_reason`; reconnecting
  at a `disconnect`; methods that put their arguments into the query of a POST; x-oauth-scopes;
  lengths of Block Kit and views (50 blocks of a message are not among them); the upload in three
  steps; the signatures of the streaming methods; `null` as the event_payload of metadata.
- Read in Slack's reference of methods, as others archived it: error codes of chat.*, views.* and
  streaming, `streaming_state_conflict`, the recipient of a stream outside direct messages, 12,000
  characters of markdown_text, 40,000 of text with truncation, blocks that go when chat.update
  brings text alone, metadata that stays, three views in a stack, trigger ids exchanged once.
- Secondary (issues, articles): retries at once, after one and five minutes with their reasons,
  X-Slack-No-Retry, ten sockets and `too_many_websockets`, the end of a stream after five minutes,
  `msg_blocks_too_long` near 13,200 characters, one post a second and channel, five uses and half
  an hour of a response URL, three seconds of a trigger id.
- Unverified: installations for an organisation beyond what slack_bolt reads of them (the team_id of
  auth.test, that one app_uninstalled speaks for all workspaces, whose id the address of a file has);
  how long an old token lives on once it is renewed (here until it expires); what an unknown `thread_ts` gets (here `thread_not_found`; a reply's ts
  `cannot_reply_to_message`); that a redelivered envelope keeps its envelope_id; that no open socket
  uses up a retry; the error of apps.connections.open when Socket Mode is off (`access_denied`);
  which events a stream makes (here a message at its start, message_changed at its stop); the
  4,000 characters of text in chat.update; the error bodies of response URLs; that files are shared
  the moment an upload is completed; that unanswered interactions are never sent again; 8,192
  characters of metadata; that administrators delete any message they can see with their token, and
  what a previewed link changes; the tiers of `Limits.like_slack` beyond apps.connections.open; error codes
  of conversations.*, reactions.*, files.*, oauth.* and assistant.*, which are from memory.
"""

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
from chatune_adapters.testing.slack.world import (
    App,
    Channel,
    File,
    Message,
    Organisation,
    Team,
    User,
    View,
)

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
    "Organisation",
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
