"""The gateway: sessions that bots identify and resume, and the dispatch of events to them."""

import asyncio
import secrets
from collections.abc import Callable

from aiohttp import web

from chatune_adapters.testing.discord import events, wire
from chatune_adapters.testing.discord.compression import compression
from chatune_adapters.testing.discord.connection import Connection
from chatune_adapters.testing.discord.entities import Channel, Guild, Json
from chatune_adapters.testing.discord.faults import (
    Duplicate,
    EventFault,
    Fault,
    Faults,
    Late,
    Malform,
    Repeat,
    SocketFault,
    Unknown,
)
from chatune_adapters.testing.discord.record import Connection as Record
from chatune_adapters.testing.discord.sessions import Session
from chatune_adapters.testing.discord.settings import PRIVILEGED, VALID_INTENTS, Intent
from chatune_adapters.testing.discord.world import World

RESUME_PATH = "/resume"
API_VERSIONS = ("9", "10")


class Gateway:
    """Owns the sessions; the connections speak to it."""

    def __init__(
        self, clock: Callable[[], float], faults: Faults, changed: Callable[[], None]
    ) -> None:
        self.clock = clock
        self.faults = faults
        self.changed = changed
        self.sessions: dict[str, Session] = {}
        self.connections: list[Connection] = []
        """Those that are open."""
        self.record: list[Record] = []
        self.tokens: set[str] = set()
        self.url = ""
        self._identified: dict[int, float] = {}

    def serve(self, world: World) -> None:
        """Speak for `world` from now on."""
        self.world = world
        self.tokens.add(world.settings.token)

    # dispatch

    def happened(self, name: str, body: Json, where: Channel | Guild) -> None:
        """Dispatch an event to every session that may have it, with the faults that it meets."""
        self.changed()
        if not events.visible(where, self.world.bot):
            return
        for session in list(self.sessions.values()):
            if self._wanted(session, name, where):
                seen = events.seen_with(session.intents, name, body, self.world.bot)
                self._deliver(session, name, seen)

    def invite(self, body: Json, where: Channel) -> None:
        """Dispatch an interaction to one session: two would both answer it."""
        self.changed()
        fitting = [
            s for s in self.sessions.values() if self._wanted(s, "INTERACTION_CREATE", where)
        ]
        present = [s for s in fitting if s.left_at is None] or fitting
        if present:
            self._deliver(present[-1], "INTERACTION_CREATE", body)

    def _wanted(self, session: Session, name: str, where: Channel | Guild) -> bool:
        index, shards = session.shard
        needed = events.intent_of(name, where)
        return events.shard_of(where, shards) == index and needed in session.intents

    def _deliver(self, session: Session, name: str, body: Json) -> None:
        match self.faults.meet(f"DISPATCH {name}"):
            case None:
                session.append(name, body)
            case Duplicate() | Late() | Repeat() | Malform() | Unknown() as fault:
                self._deliver_strangely(session, name, body, fault)
            case fault:
                self._strike(session, fault)
                session.append(name, body)

    def _deliver_strangely(
        self, session: Session, name: str, body: Json, fault: EventFault
    ) -> None:
        loop = asyncio.get_running_loop()
        match fault:
            case Late(seconds):
                loop.call_later(seconds, session.append, name, body)
                return
            case Duplicate():
                session.append(name, body)
            case Repeat(seconds):
                loop.call_later(seconds, session.append, name, body)
            case Malform(text):
                for connection in self._of(session):
                    connection.send_text(text)
            case Unknown(unknown):
                session.append(unknown, {"of": "no interest"})
        session.append(name, body)

    def _strike(self, session: Session, fault: Fault) -> None:
        assert isinstance(fault, SocketFault)
        for connection in self._of(session):
            connection.meet(fault)

    def strike_all(self, fault: SocketFault) -> None:
        """Let every open connection meet `fault` now."""
        for connection in list(self.connections):
            connection.meet(fault)

    def _of(self, session: Session) -> list[Connection]:
        return [c for c in self.connections if c.session is session]

    # sessions

    def refuses_identify(self, token: object, intents: object, shard: object) -> int | None:
        """Return the close code that the identify deserves, or None if it is acceptable."""
        if token not in self.tokens:
            return 4004
        if not isinstance(intents, int) or intents & ~VALID_INTENTS:
            return 4013
        if Intent(intents) & PRIVILEGED & ~self.world.settings.privileged:
            return 4014
        match shard:
            case [int(index), int(count)] if 0 <= index < count:
                return None
        return 4010

    def may_identify(self, shard: int) -> bool:
        """Count an identify of `shard` and return whether its group may have one now."""
        settings = self.world.settings
        group = shard % settings.max_concurrency
        now, every = self.clock(), settings.identify_every.total_seconds()
        if now - self._identified.get(group, float("-inf")) < every:
            return False
        self._identified[group] = now
        return True

    def begin(self, intents: int, shard: tuple[int, int]) -> Session:
        """Open a session: READY, then the guilds of its shard."""
        world = self.world
        keep = world.settings.replay_events
        session = Session(secrets.token_hex(16), Intent(intents), shard, keep)
        guilds = [g for g in world.guilds.values() if events.shard_of(g, shard[1]) == shard[0]]
        ready = {
            "v": 10,
            "user": wire.user_json(world.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url.rstrip("/") + RESUME_PATH,
            "shard": list(shard),
            "application": {"id": str(world.bot.id), "flags": application_flags(world)},
        }
        session.append("READY", ready)
        if Intent.GUILDS in session.intents:
            for guild in guilds:
                everyone = Intent.GUILD_MEMBERS in session.intents
                members = [m for m in guild.members if everyone or m.user is world.bot]
                session.append("GUILD_CREATE", wire.guild_json(guild, members))
        self._forget_old()
        self.sessions[session.id] = session
        return session

    def _forget_old(self) -> None:
        oldest = self.clock() - self.world.settings.session_lives.total_seconds()
        for session in list(self.sessions.values()):
            if session.left_at is not None and session.left_at < oldest:
                del self.sessions[session.id]

    def resumable(self, session_id: object, seq: object) -> Session | None:
        """Return the session if it lives and everything after `seq` can be replayed."""
        self._forget_old()
        session = self.sessions.get(session_id) if isinstance(session_id, str) else None
        if session is None or not isinstance(seq, int) or not session.can_replay(seq):
            return None
        return session

    def end(self, session: Session) -> None:
        """Make the session invalid."""
        self.sessions.pop(session.id, None)

    # connections

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket connection until it ends."""
        record = Record(self.clock(), request.path, dict(request.query))
        self.record.append(record)
        compress = compression(request.query.get("compress"))
        socket = web.WebSocketResponse(max_msg_size=0, compress=False, timeout=0.5, autoclose=False)
        await socket.prepare(request)
        version = request.query.get("v", "10")
        if version not in API_VERSIONS or compress is None:
            await socket.close(code=4012)
            record.closed_with = 4012
            return socket
        connection = Connection(self, socket, request, compress, record)
        self.connections.append(connection)
        try:
            await connection.run()
        finally:
            self.connections.remove(connection)
            self.changed()
        return socket

    def members_asked(self, session: Session, asked: Json) -> None:
        """Answer op 8 with the members of the guild, in one chunk."""
        guild = self.world.guilds.get(int(asked.get("guild_id") or 0))
        if guild is None:
            return
        ids = asked.get("user_ids") or []
        wanted = {int(id) for id in (ids if isinstance(ids, list) else [ids])}
        prefix = str(asked.get("query") or "")
        chosen = [
            member
            for member in guild.members
            if (member.user.id in wanted if wanted else member.user.name.startswith(prefix))
        ]
        limit = int(asked.get("limit") or 0)
        body = {
            "guild_id": str(guild.id),
            "members": [wire.full_member_json(member, guild) for member in chosen[: limit or None]],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [],
            "nonce": asked.get("nonce"),
        }
        session.append("GUILD_MEMBERS_CHUNK", body)


def application_flags(world: World) -> int:
    """Return the application's flags: which privileged intents are switched on, unverified."""
    limited = {
        Intent.GUILD_PRESENCES: 1 << 13,
        Intent.GUILD_MEMBERS: 1 << 15,
        Intent.MESSAGE_CONTENT: 1 << 19,
    }
    return sum(flag for intent, flag in limited.items() if intent in world.settings.privileged)
