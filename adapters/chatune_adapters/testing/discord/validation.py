"""The limits of a message: text, embeds, components, choices."""

from collections.abc import Iterator

from chatune_adapters.testing.discord.entities import Json, flat
from chatune_adapters.testing.discord.errors import invalid_form
from chatune_adapters.testing.discord.shapes import check_message_shape

CONTENT_CHARS, EMBEDS, EMBED_CHARS = 2000, 10, 6000
ROWS, BUTTONS_PER_ROW, CUSTOM_ID_CHARS, CHOICES = 5, 5, 100, 25
COMPONENTS_V2 = 40
ROW, BUTTON, TEXT_INPUT = 1, 2, 4
TYPED = 4000
SELECTS = (3, 5, 6, 7, 8)
LINK_STYLE, PREMIUM_STYLE = 5, 6
NONCE_CHARS = 25
EMBED_FIELDS = 25
EMBED_PARTS = {
    "title": 256,
    "description": 4096,
    "footer.text": 2048,
    "author.name": 256,
    "fields.name": 256,
    "fields.value": 1024,
}


def check_message(body: Json, *, v2: bool = False) -> None:
    """Raise the form error for the first limit that the message `body` passes."""
    check_message_shape(body)
    at_most(body.get("content") or "", CONTENT_CHARS, "content")
    nonce = str(body.get("nonce") or "")
    at_most(nonce, NONCE_CHARS, "nonce")
    _check_embeds(body.get("embeds") or [])
    _check_components(body.get("components") or [], v2=v2)


def at_most(text: str, limit: int, *path: str | int) -> None:
    """Raise the form error for `path` if `text` has more than `limit` characters."""
    if len(text) > limit:
        raise invalid_form(
            *path,
            code="BASE_TYPE_MAX_LENGTH",
            message=f"Must be {limit} or fewer in length.",
        )


def _check_embeds(embeds: list[Json]) -> None:
    _sized(embeds, 0, EMBEDS, "embeds")
    total = 0
    for index, embed in enumerate(embeds):
        _sized(embed.get("fields") or [], 0, EMBED_FIELDS, "embeds", index, "fields")
        for part, text in _embed_texts(embed):
            at_most(text, EMBED_PARTS[part], "embeds", index, *part.split("."))
            total += len(text)
    if total > EMBED_CHARS:
        raise invalid_form(
            "embeds",
            code="MAX_EMBED_SIZE_EXCEEDED",
            message=f"Embed size exceeds maximum size of {EMBED_CHARS}",
        )


def _embed_texts(embed: Json) -> Iterator[tuple[str, str]]:
    footer, author = embed.get("footer") or {}, embed.get("author") or {}
    yield "title", embed.get("title") or ""
    yield "description", embed.get("description") or ""
    yield "footer.text", footer.get("text") or ""
    yield "author.name", author.get("name") or ""
    for field in embed.get("fields") or []:
        yield "fields.name", field.get("name") or ""
        yield "fields.value", field.get("value") or ""


def _check_components(components: list[Json], *, v2: bool) -> None:
    if v2:
        if len(flat(components)) > COMPONENTS_V2:
            raise invalid_form(
                "components",
                code="COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
                message=f"Must be {COMPONENTS_V2} or fewer components in total.",
            )
    else:
        _sized(components, 0, ROWS, "components")
        for index, component in enumerate(components):
            if component.get("type") != ROW:
                raise invalid_form(
                    "components",
                    index,
                    "type",
                    code="UNION_TYPE_CHOICES",
                    message="Value of field \"type\" must be one of ('1',).",
                )
    for index, component in enumerate(components):
        if component.get("type") == ROW:
            _check_row(component, "components", index, "components")
    check_custom_ids(components)


def _check_row(row: Json, *path: str | int) -> None:
    children = row.get("components") or []
    wide = any(child.get("type") in SELECTS for child in children)
    _sized(children, 1, 1 if wide else BUTTONS_PER_ROW, *path)


def check_custom_ids(components: list[Json]) -> None:
    """Raise the form error unless every interactive component has a custom id of its own."""
    seen: set[str] = set()
    for component in flat(components):
        if not _needs_custom_id(component):
            continue
        custom_id = component.get("custom_id") or ""
        path = ("components", "custom_id")
        if not custom_id:
            raise invalid_form(*path, code="BASE_TYPE_REQUIRED", message="This field is required")
        at_most(custom_id, CUSTOM_ID_CHARS, *path)
        if custom_id in seen:
            raise invalid_form(
                *path,
                code="COMPONENT_CUSTOM_ID_DUPLICATED",
                message="Component custom id cannot be duplicated",
            )
        seen.add(custom_id)


def _needs_custom_id(component: Json) -> bool:
    if component.get("type") == BUTTON:
        return component.get("style") not in (LINK_STYLE, PREMIUM_STYLE)
    return component.get("type") in (TEXT_INPUT, *SELECTS)


def check_choices(choices: list[Json]) -> None:
    """Raise the form error if an autocomplete answer has too many choices."""
    _sized(choices, 0, CHOICES, "data", "choices")


def check_text_inputs(components: list[Json]) -> None:
    """Refuse a text input that begins with more than it may take."""
    for field in flat(components):
        if field.get("type") != TEXT_INPUT:
            continue
        most = min(int(field.get("max_length") or TYPED), TYPED)
        for name, limit in (("value", most), ("placeholder", 100)):
            if len(field.get(name) or "") > limit:
                raise invalid_form(
                    "data",
                    "components",
                    name,
                    code="BASE_TYPE_MAX_LENGTH",
                    message=f"Must be {limit} or fewer in length.",
                )


def _sized(values: list[Json], least: int, most: int, *path: str | int) -> None:
    if not least <= len(values) <= most:
        raise invalid_form(
            *path,
            code="BASE_TYPE_BAD_LENGTH",
            message=f"Must be between {least} and {most} in length.",
        )
