"""What Slack refuses in Block Kit: counts, lengths and ids.

Numbers are those of slack_sdk's models (section 3,000, header 150, markdown 12,000, button 75 and
2,000, action_id and block_id 255, actions 25, context 10, context_actions 5). The 50 blocks of a
message and 13,200 characters of all blocks together are from secondary text.
"""

from collections.abc import Iterator, Sequence

from chatune_adapters.testing.slack.world import Json

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
ALL_TEXT = 13_200

_KINDS = frozenset(
    (
        *("section", "header", "divider", "actions", "context", "context_actions", "image"),
        *("input", "markdown", "rich_text", "file", "video", "call", "table", "plan", "task_card"),
    )
)
_ELEMENTS_AT_MOST = {"actions": 25, "context": 10, "context_actions": 5}


class BlocksRefused(Exception):
    """Blocks that Slack refuses; `code` is the error and `reasons` say where."""

    def __init__(self, code: str, reasons: Sequence[str] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.reasons = list(reasons)


def check_blocks(blocks: object, at_most: int = MESSAGE_BLOCKS) -> list[Json]:
    """Return the blocks, if Slack would take them.

    Raises:
        BlocksRefused: with `invalid_blocks_format`, `invalid_blocks` or `msg_blocks_too_long`.
    """
    if not isinstance(blocks, list) or not all(isinstance(one, dict) for one in blocks):
        raise BlocksRefused("invalid_blocks_format", ["blocks must be an array of objects"])
    wrong = (
        []
        if len(blocks) <= at_most
        else [f"no more than {at_most} items allowed [json-pointer:/blocks]"]
    )
    for place, block in enumerate(blocks):
        wrong += [f"{reason} [json-pointer:/blocks/{place}]" for reason in _wrong_with(block)]
    wrong += _repeated(blocks)
    if wrong:
        raise BlocksRefused("invalid_blocks", wrong)
    if at_most == MESSAGE_BLOCKS and sum(map(len, _texts(blocks))) > ALL_TEXT:
        raise BlocksRefused("msg_blocks_too_long")
    return blocks


def elements_of(blocks: Sequence[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield every interactive element with its block."""
    for block in blocks:
        inside = [*block.get("elements", ()), block.get("accessory"), block.get("element")]
        for element in inside:
            if isinstance(element, dict) and "action_id" in element:
                yield block, element


def _wrong_with(block: Json) -> Iterator[str]:
    kind = block.get("type")
    if kind not in _KINDS:
        yield f"unsupported type: {kind}"
        return
    if len(str(block.get("block_id", ""))) > 255:
        yield "block_id must be no more than 255 characters"
    yield from _wrong_inside(kind, block)
    for _, element in elements_of([block]):
        yield from _wrong_element(element)


def _wrong_inside(kind: str, block: Json) -> Iterator[str]:
    match kind:
        case "section":
            yield from _wrong_section(block)
        case "header":
            yield from _wrong_text(block.get("text"), 150, ("plain_text",))
        case "markdown" if not 0 < len(str(block.get("text", ""))) <= 12_000:
            yield "must be 1 to 12000 characters"
        case "actions" | "context" | "context_actions":
            if not 0 < len(block.get("elements", ())) <= _ELEMENTS_AT_MOST[kind]:
                yield f"must have 1 to {_ELEMENTS_AT_MOST[kind]} elements"
        case "input":
            yield from _wrong_text(block.get("label"), 2_000, ("plain_text",))
            if "element" not in block:
                yield "missing required field: element"


def _wrong_section(block: Json) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield "must provide text or fields"
    if "text" in block:
        yield from _wrong_text(block["text"], 3_000)
    if len(block.get("fields", ())) > 10:
        yield "no more than 10 fields allowed"
    for one in block.get("fields", ()):
        yield from _wrong_text(one, 2_000)


def _wrong_text(
    text: object, at_most: int, kinds: Sequence[str] = ("plain_text", "mrkdwn")
) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield f"text must be an object of type {' or '.join(kinds)}"
    elif not 0 < len(str(text.get("text", ""))) <= at_most:
        yield f"must be 1 to {at_most} characters"


def _wrong_element(element: Json) -> Iterator[str]:
    if not 0 < len(str(element["action_id"])) <= 255:
        yield "action_id must be 1 to 255 characters"
    if element.get("type") == "button":
        yield from _wrong_text(element.get("text"), 75, ("plain_text",))
        if len(str(element.get("value", ""))) > 2_000:
            yield "value must be no more than 2000 characters"
    if len(element.get("options", ())) > 100:
        yield "no more than 100 options allowed"


def _repeated(blocks: Sequence[Json]) -> Iterator[str]:
    block_ids = [one["block_id"] for one in blocks if one.get("block_id")]
    if len(block_ids) != len(set(block_ids)):
        yield "block_id must be unique"
    for block in blocks:
        action_ids = [element["action_id"] for _, element in elements_of([block])]
        if len(action_ids) != len(set(action_ids)):
            yield "action_id must be unique in its block"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
