"""Bad requests of any kind are refused as Discord refuses them, and never break the server."""

import subprocess
import sys

import pytest

from adapters.discord_server.harness import Json, Place, Wire
from chatune_adapters.testing.discord import DiscordServer
from chatune_adapters.testing.discord.compression import ZstdStream

pytestmark = pytest.mark.anyio
JUNK: list[object] = [
    *(None, True, 0, 1, -1, 1.5, 1 << 70, "", "x", "1", [], {}),
    *([None], [1], ["x"], [[]], [{}], {"x": 1}, {"id": 1}, {"type": 1}),
    *([{"type": 1, "components": [1]}], [{"type": 1, "components": {}}], [{"id": "x"}]),
    *([{"fields": [1]}], [{"title": 1}], [{"footer": 1}], [{"name": 1}], [{"options": [1]}]),
]
MESSAGE_FIELDS = (
    *("content", "nonce", "flags", "embeds", "components", "attachments"),
    *("message_reference", "enforce_nonce"),
)


async def _statuses(wire: Wire, method: str, path: str, bodies: list[object]) -> set[int]:
    return {(await wire.call(method, path, body)).status for body in bodies}


async def test_a_message_field_of_any_type_is_accepted_or_refused(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    path = f"/channels/{place.channel.id}/messages"
    own = (await wire.call("POST", path, {"content": "own"})).body["id"]
    bodies: list[object] = [
        {"content": "x", field: junk} for field in MESSAGE_FIELDS for junk in JUNK
    ]

    posted = await _statuses(wire, "POST", path, bodies)
    edited = await _statuses(wire, "PATCH", f"{path}/{own}", bodies)

    assert posted <= {200, 400}
    assert edited <= {200, 400}


async def test_a_body_of_any_type_is_accepted_or_refused(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    application, here = f"/applications/{server.bot.id}", f"/channels/{place.channel.id}"
    thread = server.add_thread(place.channel, "thread", server.bot)
    bodies: list[object] = [*JUNK, *({"name": junk, "type": junk} for junk in JUNK)]
    bodies += [{"recipient_id": junk} for junk in JUNK]
    paths = [
        *(("POST", "/users/@me/channels"), ("PUT", f"{application}/commands")),
        *(("POST", f"{application}/commands"), ("POST", f"{here}/threads")),
        *(("POST", f"{here}/messages"), ("PATCH", f"/channels/{thread.id}")),
    ]

    statuses = [await _statuses(wire, method, path, bodies) for method, path in paths]

    assert set[int]().union(*statuses) <= {200, 400, 404}


async def test_an_interaction_is_answered_with_anything_and_the_server_lives(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    command: Json = {"name": "go", "description": "Go."}
    await wire.call("PUT", f"/applications/{server.bot.id}/commands", [command])
    statuses = set()
    for body in [
        *JUNK,
        *({"type": junk} for junk in JUNK),
        *({"type": kind, "data": junk} for kind in (4, 5, 9) for junk in JUNK),
        *({"type": 4, "data": {f: junk}} for f in MESSAGE_FIELDS for junk in JUNK),
        *({"type": 5, "data": {"flags": junk}} for junk in JUNK),
        *({"type": 9, "data": {"custom_id": "m", "title": "t", "components": j}} for j in JUNK),
    ]:
        interaction = await server.slash(place.ada, place.channel, "go")
        path = f"/interactions/{interaction.id}/{interaction.token}/callback"
        statuses.add((await wire.call("POST", path, body)).status)

    assert statuses <= {204, 400}


@pytest.mark.parametrize("query", ["limit=x", "limit=0", "limit=101", "before=x", "after=-1"])
async def test_a_page_that_cannot_be_is_refused(wire: Wire, place: Place, query: str) -> None:
    answer = await wire.call("GET", f"/channels/{place.channel.id}/messages?{query}")

    assert (answer.status, answer.code) == (400, 50035)


async def test_a_body_that_is_no_json_is_refused_with_50109(wire: Wire, place: Place) -> None:
    url = f"{wire.server.api_base}/channels/{place.channel.id}/messages"
    headers = {"Authorization": f"Bot {wire.token}", "Content-Type": "application/json"}

    async with wire.http.post(url, data=b"{", headers=headers) as response:
        body = await response.json(content_type=None)

    assert (response.status, body["code"]) == (400, 50109)


def test_the_server_imports_neither_discord_py_nor_the_core() -> None:
    program = (
        "import sys, chatune_adapters.testing.discord;"
        "print([name for name in ('discord', 'chatune_core') if name in sys.modules])"
    )

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert printed.stdout.strip() == b"[]"


def test_a_zstd_stream_is_one_frame_of_raw_blocks() -> None:
    stream = ZstdStream()
    texts = ["hello", "x" * 300_000, "é"]
    frame = b"".join(map(stream, texts))

    assert frame[:4] == bytes.fromhex("28b52ffd")
    at, unpacked = 6, b""
    while at < len(frame):
        header = int.from_bytes(frame[at : at + 3], "little")
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        assert (last, kind) == (0, 0)
        assert size <= 128 * 1024
        unpacked += frame[at + 3 : at + 3 + size]
        at += 3 + size
    assert unpacked.decode() == "".join(texts)
