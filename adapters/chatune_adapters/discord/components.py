"""Buttons, rows and modals, as Discord draws them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chatune_adapters.discord.ids import custom_id
from chatune_core.forms import Form
from chatune_core.messages import Button

_ROW, _BUTTON, _INPUT = 1, 2, 4
_GREY, _RED = 2, 4
_PER_ROW, _ROWS = 5, 5
MOST_TYPED = 4000


def rows(buttons: Sequence[Button]) -> list[dict[str, Any]]:
    """Return the rows that hold `buttons`; what is over 25, or the same again, is left out."""
    distinct = list({custom_id(button): button for button in buttons}.values())
    shown = distinct[: _PER_ROW * _ROWS]
    return [
        {"type": _ROW, "components": [_button(button) for button in shown[at : at + _PER_ROW]]}
        for at in range(0, len(shown), _PER_ROW)
    ]


def _button(button: Button) -> dict[str, Any]:
    style = _RED if button.action == "stop" else _GREY
    return {
        "type": _BUTTON,
        "style": style,
        "label": button.label,
        "custom_id": custom_id(button),
    }


def modal(form: Form, told: str) -> dict[str, Any]:
    """Return the window for `form`; `told` is the custom id of the button that opens it."""
    return {
        "custom_id": told,
        "title": form.title,
        "components": [
            {
                "type": _ROW,
                "components": [
                    {
                        "type": _INPUT,
                        "custom_id": field.name,
                        "label": field.label,
                        "style": 2 if field.multiline else 1,
                        "required": field.required,
                        "placeholder": field.placeholder[:100],
                        "max_length": MOST_TYPED,
                        **({"value": field.value} if field.value else {}),
                    }
                ],
            }
            for field in (each.within(MOST_TYPED) for each in form.fields)
        ],
    }


def entered(
    form: Form | None, components: Iterable[Mapping[str, Any]]
) -> tuple[tuple[str, str], ...]:
    """Return what was filled into a modal, in the order of `form` where it is still known."""
    found: dict[str, str] = {}
    for row in components:
        inner = row.get("components") or [row.get("component") or {}]
        found.update(
            (field["custom_id"], str(field.get("value") or ""))
            for field in inner
            if "custom_id" in field
        )
    if form is None:
        return tuple(found.items())
    return tuple((field.name, found.get(field.name, "")) for field in form.fields)
