"""A bot author's file: found, run, and judged in one line."""

from pathlib import Path

import pytest

from chatune_bots.bot_file import load_bot
from chatune_core.errors import ConfigurationError

GOOD = """
from dataclasses import dataclass
from chatune_core.bots import Bot, Context
import beside_it

@dataclass
class Die:
    sides: int

bot = Bot()

@bot.command("roll", help="Roll a die.")
async def roll(context: Context, sides: int = 6) -> str:
    return beside_it.answer(Die(sides).sides)
"""


def _refusal(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_bot(file)
    said = str(caught.value)
    assert "\n" not in said
    return said.replace(str(file), "FILE")


def test_a_file_gives_its_bot_and_may_import_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("def answer(sides): return f'{sides}'\n")
    (tmp_path / "my_bot.py").write_text(GOOD)

    assert [command.name for command in load_bot(tmp_path / "my_bot.py").commands] == ["roll"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bot = Bot(\n", "FILE, line 1: '(' was never closed. Mend that line."),
        ("\nbot = Bot()\n", "FILE, line 2: NameError: name 'Bot' is not defined. Mend that line."),
        ("x = 1\n", "FILE has no variable `bot`. Write: from chatune_core.bots import Bot; "),
        ("bot = 5\n", "FILE has a `bot` that is not a Bot. Write: "),
        ("raise SystemExit(3)\n", "FILE, line 1: SystemExit: 3. Mend that line."),
        ("import nothing_like_it\n", "FILE, line 1: ModuleNotFoundError: No module named"),
        ("\x00", "FILE"),
        (
            (
                "from chatune_core.bots import Bot\nbot = Bot()\n\n"
                '@bot.command("Bad Name", help="x")\nasync def f(context): ...\n'
            ),
            "FILE, line 4: 'Bad Name' cannot be a command name. Use a small letter,",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_the_line_number(
    tmp_path: Path, text: str, said: str
) -> None:
    assert _refusal(tmp_path / "my_bot.py", text).startswith(said)


def test_an_error_below_the_file_is_blamed_on_the_line_in_the_file(tmp_path: Path) -> None:
    said = _refusal(tmp_path / "my_bot.py", "import json\n\n\njson.loads('{')\n")

    assert said.startswith("FILE, line 4: JSONDecodeError:")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.py", tmp_path):
        with pytest.raises(ConfigurationError, match="There is no bot file"):
            load_bot(path)
