"""Response URLs: five answers within half an hour, without a token."""

import json

from aiohttp import web

from chatune_adapters.testing.slack.blocks import BlocksRefused, check_blocks
from chatune_adapters.testing.slack.calls import Site
from chatune_adapters.testing.slack.contents import TEXT_AT_MOST
from chatune_adapters.testing.slack.interactions import RESPONSES, ResponseUrl
from chatune_adapters.testing.slack.record import ApiCall
from chatune_adapters.testing.slack.world import Json, Message


async def take_response(site: Site, request: web.Request) -> web.Response:
    """Answer a POST to a response URL."""
    url = site.interactions.response_urls.get(request.match_info["secret"])
    if url is None:
        return _refused(404, "no_service")
    if site.world.clock() - url.given_at > site.timing.response_url_lives:
        return _refused(404, "expired_url")
    if url.used >= RESPONSES:
        return _refused(404, "used_url")
    try:
        body = json.loads(await request.read())
        status, error = respond(site, url, body)
        url.used += error is None
    except (ValueError, AttributeError):
        body, status, error = {}, 400, "invalid_payload"
    answer: Json = {"ok": error is None} | ({"error": error} if error else {})
    team = url.channel.team.id
    site.log.add(ApiCall(site.world.clock(), "response_url", team, body, status, answer))
    return web.Response(text="ok") if error is None else _refused(status, error)


def respond(site: Site, url: ResponseUrl, body: Json) -> tuple[int, str | None]:
    """Do what an answer to an interaction says; return status and error."""
    blocks, refusal = _blocks(site, body)
    if refusal is not None:
        return 400, refusal
    if body.get("delete_original"):
        if url.original is not None and not url.original.deleted:
            site.messaging.delete(url.channel, url.original)
    elif not (body.get("text") or blocks or body.get("attachments")):
        return 400, "no_text"
    elif body.get("replace_original") and url.original is not None:
        _replace(site, url, body, blocks)
    else:
        url.original = _post(site, url, body, blocks)
    return 200, None


def _blocks(site: Site, body: Json) -> tuple[list[Json], str | None]:
    try:
        good = check_blocks(body.get("blocks") or [])
    except BlocksRefused as error:
        return [], error.code
    return [{"block_id": site.world.new_id("b")} | one for one in good], None


def _replace(site: Site, url: ResponseUrl, body: Json, blocks: list[Json]) -> None:
    original = url.original
    if original is None or original.deleted:
        return
    text = str(body.get("text") or "")[:TEXT_AT_MOST]
    attachments = body.get("attachments") or []
    site.messaging.change(url.channel, original, text=text, blocks=blocks, attachments=attachments)


def _post(site: Site, url: ResponseUrl, body: Json, blocks: list[Json]) -> Message:
    team = url.channel.team
    public = body.get("response_type") == "in_channel"
    message = Message(
        url.channel.id,
        site.world.now_ts(),
        team.bot.id,
        str(body.get("text") or "")[:TEXT_AT_MOST],
        bot_id=team.bot_id,
        blocks=blocks,
        attachments=body.get("attachments") or [],
        metadata=body.get("metadata"),
        thread_ts=body.get("thread_ts") or url.thread_ts,
        ephemeral_for=None if public else url.user.id,
    )
    return site.messaging.post(url.channel, message)


def _refused(status: int, error: str) -> web.Response:
    return web.json_response({"ok": False, "error": error}, status=status)
