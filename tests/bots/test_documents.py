"""What the documents show is what the settings are."""

import re
from pathlib import Path

from chatune_bots.configuration import load
from chatune_bots.home import Home
from chatune_bots.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_example_of_the_guide_loads_and_shows_the_defaults(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    (tmp_path / "chatune.toml").write_text(found[1], encoding="utf-8")

    settings = load(Home(tmp_path / "home"), tmp_path).settings

    for section in ("generation", "storage", "limits", "serve", "training"):
        assert getattr(settings, section) == getattr(Settings(), section)
    assert settings.models["bundled"] == Settings().models["bundled"]
    assert settings.bot.persona == Settings().bot.persona
