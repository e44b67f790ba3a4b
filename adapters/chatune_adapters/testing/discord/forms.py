"""Request bodies: JSON, or multipart with `payload_json` and files."""

import json
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web

from chatune_adapters.testing.discord.entities import Json
from chatune_adapters.testing.discord.errors import refusal


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was uploaded."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A body and its files, by the index in their field name `files[index]`."""

    body: Json | list[Json]
    files: dict[int, File] = field(default_factory=dict)

    @property
    def fields(self) -> Json:
        """The body, which must be an object."""
        if not isinstance(self.body, dict):
            raise refusal(50109)
        return self.body

    def part(self, name: str) -> "Form":
        """Return the object under `name` as a form of its own, with the same files."""
        return Form(self.fields.get(name) or {}, self.files)


async def read_form(request: web.Request) -> Form:
    """Return the form of a request; an empty body is an empty object."""
    if request.content_type.startswith("multipart/"):
        return await _read_multipart(request)
    return Form(_parsed(await request.read()))


async def _read_multipart(request: web.Request) -> Form:
    body: Json | list[Json] = {}
    files = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise refusal(50109)
        content = bytes(await part.read(decode=True))
        name = part.name or ""
        if name == "payload_json":
            body = _parsed(content)
        elif name.startswith("files["):
            media_type = _media_type(part.filename or "", part.headers.get("Content-Type", ""))
            files[int(name[6:-1])] = File(part.filename or "file", media_type, content)
    return Form(body, files)


_TYPES = {
    "txt": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "png": "image/png",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
}


def _media_type(name: str, declared: str) -> str:
    """Discord tells the type from the name; what the client declares is the last resort."""
    return _TYPES.get(name.rpartition(".")[2].lower(), declared or "application/octet-stream")


def _parsed(raw: bytes) -> Json | list[Json]:
    if not raw:
        return {}
    try:
        parsed = json.loads(raw)
    except ValueError as error:
        raise refusal(50109) from error
    if not isinstance(parsed, dict | list):
        raise refusal(50109)
    return parsed
