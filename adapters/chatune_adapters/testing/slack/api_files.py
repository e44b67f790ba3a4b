"""Methods of files, the upload URL and the download."""

import mimetypes
import re

from aiohttp import BodyPartReader, web

from chatune_adapters.testing.slack.api_chat import bot_message
from chatune_adapters.testing.slack.calls import ApiError, Call, Method, Methods, Site
from chatune_adapters.testing.slack.contents import thread
from chatune_adapters.testing.slack.payloads import file_json
from chatune_adapters.testing.slack.world import Channel, File, Json, Team

_SIGN_IN = "<!DOCTYPE html><html><title>Sign in | Slack</title></html>"


async def _upload_url(call: Call) -> Json:
    name, length = call.text("filename"), call.number("length", 0)
    if length <= 0:
        raise ApiError("invalid_arguments")
    file_id = call.world.new_id("F")
    call.site.uploads[file_id] = (name, length, call.workspace)
    return {"upload_url": f"{call.site.origin}/upload/v1/{file_id}", "file_id": file_id}


async def _complete(call: Call) -> Json:
    wanted = call.structure("files")
    if not isinstance(wanted, list) or not wanted:
        raise ApiError("invalid_arguments")
    files = [_uploaded(call, one) for one in wanted]
    for channel in _destinations(call):
        message = bot_message(
            call,
            channel.id,
            call.maybe("initial_comment") or "",
            files=files,
            thread_ts=thread(call, channel),
            subtype="file_share",
        )
        call.site.messaging.post(channel, message)
    return {"files": [file_json(one, call.site.origin) for one in files]}


async def _info(call: Call) -> Json:
    return {"file": file_json(_file(call), call.site.origin), "comments": []}


async def _delete(call: Call) -> Json:
    file = _file(call)
    if file.user != call.workspace.bot.id:
        raise ApiError("cant_delete_file")
    file.deleted = True
    return {}


async def take_upload(site: Site, request: web.Request) -> web.Response:
    """Answer the POST of a file's content, plain or multipart."""
    file_id = request.match_info["file"]
    if file_id not in site.uploads:
        return web.Response(status=404, text="upload not found")
    name, length, team = site.uploads[file_id]
    content = await _content(request)
    if len(content) != length:
        return web.Response(status=400, text=f"expected {length} bytes, got {len(content)}")
    mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
    site.world.files[file_id] = File(file_id, team.id, name, mimetype, content, team.bot.id)
    return web.Response(text=f"OK - {length}")


async def give_download(site: Site, request: web.Request) -> web.Response:
    """Answer the GET of a url_private; without a good token that is the sign-in page, as HTML."""
    found = re.fullmatch(r"(\w+)-(\w+)", request.match_info["file"])
    file = site.world.files.get(found[2]) if found else None
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    teams = readers(site, token)
    if not any("files:read" in team.scopes for team in teams):
        return web.Response(text=_SIGN_IN, content_type="text/html")
    if file is None or file.deleted or file.team_id not in {team.id for team in teams}:
        return web.Response(status=404)
    return web.Response(body=file.content, content_type=file.mimetype)


def readers(site: Site, token: str) -> list[Team]:
    """Return the workspaces whose files a token of the app opens."""
    organisation = site.world.organisation_tokens.get(token)
    if organisation is not None:
        return organisation.teams
    team = site.world.tokens.get(token)
    return [team] if team is not None else []


async def _content(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        return bytes(await part.read())
    return b""


def _uploaded(call: Call, wanted: Json) -> File:
    file = call.world.files.get(wanted.get("id", ""))
    if file is None or file.id not in call.site.uploads or file.team_id != call.workspace.id:
        raise ApiError("file_not_found")
    del call.site.uploads[file.id]
    file.title = wanted.get("title") or file.name
    return file


def _destinations(call: Call) -> list[Channel]:
    ids = (call.maybe("channels") or call.maybe("channel_id") or "").split(",")
    found = []
    for one in filter(None, ids):
        call.arguments["channel_id"] = one
        found.append(call.channel_to_post("channel_id"))
    return found


def _file(call: Call) -> File:
    file = call.world.files.get(call.text("file"))
    if file is None or file.team_id != call.workspace.id:
        raise ApiError("file_not_found")
    if file.deleted:
        raise ApiError("file_deleted")
    return file


METHODS: Methods = {
    "files.completeUploadExternal": Method(_complete, ("files:write",)),
    "files.delete": Method(_delete, ("files:write",)),
    "files.getUploadURLExternal": Method(_upload_url, ("files:write",)),
    "files.info": Method(_info, ("files:read",)),
}
