"""What the pages say of links, settings, scopes and permissions is so."""

import re
from pathlib import Path

import pytest

from chatune_adapters.discord.install import PERMISSIONS
from chatune_adapters.slack.manifest import FLAGS, NEEDED, SCOPES
from chatune_bots.cli import app
from chatune_bots.configuration import load
from chatune_bots.home import Home
from chatune_bots.settings import DiscordSection, Settings, SlackSection

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        if "://" in link:
            continue
        file, _, part = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not part or part in anchors(target), link


@pytest.mark.parametrize("name", ["discord.md", "slack.md"])
def test_the_settings_of_a_page_load_as_they_stand_and_with_every_line_switched_on(
    name: str, tmp_path: Path
) -> None:
    [example] = re.findall(r"```toml\n(.*?)```", page(name), re.DOTALL)
    switched_on = re.sub(r"^# (\w+ = )", r"\1", example, flags=re.MULTILINE)
    read = []
    for text in (example, switched_on):
        (tmp_path / "chatune.toml").write_text(text)
        read.append(load(Home(tmp_path / "home"), tmp_path).settings)

    as_it_stands, full = read
    assert as_it_stands.serve.platforms == (name.removesuffix(".md"),)
    assert as_it_stands.discord == DiscordSection()
    assert as_it_stands.slack == SlackSection()
    assert (full.discord, full.slack) != (Settings().discord, Settings().slack)


def test_every_permission_that_the_invite_link_asks_for_is_explained() -> None:
    table = rows(page("discord.md"), "asked for")

    assert all(any(name in row for row in table) for name in PERMISSIONS)


def test_every_scope_of_the_manifest_is_explained_and_no_other() -> None:
    table = rows(page("slack.md"), "scope")
    named = re.findall(r"`([a-z_]+:?[a-z]*)`", " ".join(row.split("|")[1] for row in table))

    watching = rows(page("slack.md"), "what is done")

    assert sorted(named) == sorted(SCOPES)
    assert re.findall(r"`([a-z_]+:[a-z]+)`", " ".join(watching)) == [FLAGS]
    assert set(re.findall(r"`([a-z_]+:[a-z]+)`", without(page("slack.md")))) == set(NEEDED)


def test_every_command_that_a_page_names_is_one() -> None:
    known = {one.name or one.callback.__name__ for one in app.registered_commands if one.callback}
    known |= {one.name for one in app.registered_groups if one.name}
    code = re.compile(r"`chatune (\w+)|^(?:\$ )?(?:\.venv/bin/)?chatune (\w+)", re.MULTILINE)

    named = {first or second for file in PAGES for first, second in code.findall(file.read_text())}

    assert {"chat", "serve", "init", "doctor", "data"} <= named
    assert named <= known


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def rows(text: str, first: str) -> list[str]:
    """Return the rows of the table whose first heading is `first`."""
    table = text[text.index(f"| {first} |") :].partition("\n\n")[0]
    return table.splitlines()[2:]


def without(text: str) -> str:
    """Return the sentence that says what nothing works without."""
    return text[text.index("Without `") :].partition(".")[0]


def anchors(file: Path) -> set[str]:
    """Return the anchors that the headings of a page make."""
    headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
