"""chatune.toml and the environment."""

from pathlib import Path

import pytest

from chatune_bots.configuration import described, load
from chatune_bots.home import Home
from chatune_bots.settings import RemoteModel, Settings
from chatune_core.errors import ConfigurationError

SERVER = '[models.main]\nkind = "openai"\nbase_url = "http://host/v1"\nmodel = "m"\n'


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHATUNE_HOME", raising=False)


def _load(folder: Path, text: str = "") -> Settings:
    if text:
        (folder / "chatune.toml").write_text(text, encoding="utf-8")
    return load(Home(folder / "home"), folder).settings


def _refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        _load(folder, text)
    return str(caught.value).replace(str(folder), "FOLDER")


def test_without_a_file_the_defaults_run_on_a_laptop(tmp_path: Path) -> None:
    settings = _load(tmp_path)

    assert settings.default_model == "bundled"
    assert settings.storage.is_file
    assert settings.serve.platforms == ("console",)
    assert settings.limits.message_chars == 32_000


def test_the_file_of_the_current_folder_goes_before_that_of_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    home.configuration.write_text('[bot]\nname = "Home"\n')

    assert load(home, tmp_path).settings.bot.name == "Home"

    (tmp_path / "chatune.toml").write_text("[limits]\nmessage_chars = 10\n")
    assert load(home, tmp_path).settings.bot.name == "Chatune"  # the two are never mixed
    assert load(home, tmp_path).file == tmp_path / "chatune.toml"


def test_the_environment_goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATUNE_BOT__NAME", "Envy")
    monkeypatch.setenv("CHATUNE_GENERATION__STOP", '["END"]')
    monkeypatch.setenv("CHATUNE_MODELS__MAIN__API_KEY", "s3cret")

    settings = _load(tmp_path, '[bot]\nname = "Filo"\npersona = "I am {name}."\n' + SERVER)

    assert settings.for_core().persona == "I am Envy."
    assert settings.for_core().sampling.stop == ("END",)
    main = settings.models["main"]
    assert isinstance(main, RemoteModel)
    assert main.api_key is not None
    assert main.api_key.get_secret_value() == "s3cret"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[bot]\nnam = "x"\n',
            "FOLDER/chatune.toml: unknown key 'bot.nam'. Did you mean 'bot.name'?",
        ),
        ("[bott]\n", "FOLDER/chatune.toml: unknown key 'bott'. Did you mean 'bot'?"),
        (
            SERVER.replace("base_url", "base_urll"),
            (
                "FOLDER/chatune.toml: unknown key 'models.main.base_urll' (and 1 more). "
                "Did you mean 'models.main.base_url'?"
            ),
        ),
        (
            '[models.fast]\napi_key = "x"\n',
            (
                "FOLDER/chatune.toml: unknown key 'models.fast.api_key'. Known there: kind, model, "
                "device, dtype, weights, slots, context_tokens, threads."
            ),
        ),
        (
            '[models.fast]\nkind = "opnai"\n',
            "FOLDER/chatune.toml: models.fast.kind must be 'local' or 'openai'. Mend that value.",
        ),
        (
            "[generation]\ntemperature = 5\n",
            (
                "FOLDER/chatune.toml: generation.temperature: input should be less than or equal to "
                "2. Mend that value."
            ),
        ),
        (
            '[bot]\nmodel = "nope"\n',
            (
                "FOLDER/chatune.toml: bot.model is 'nope'; the configured models are: bundled. "
                "Mend that value."
            ),
        ),
        (
            "[bot\n",
            (
                "FOLDER/chatune.toml is not valid TOML: Expected ']' at the end of a table "
                "declaration (at line 1, column 5). Mend that line, or run `chatune init`."
            ),
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    assert _refusal(tmp_path, text) == said


def test_a_file_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "chatune.toml").write_bytes(b'[bot]\nname = "\xff"\n')

    assert "is not UTF-8 text (byte 14)" in _refusal(tmp_path, "")


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("CHATUNE_BOOT__NAME", "Environment: CHATUNE_BOOT__NAME names no section. Did you mean"),
        ("CHATUNE_BOT__NAM", "Environment: unknown key 'CHATUNE_BOT__NAM'. Did you mean"),
        ("CHATUNE_LIMITS__MESSAGE_CHARS", "Environment: CHATUNE_LIMITS__MESSAGE_CHARS: input"),
    ],
)
def test_a_wrong_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    monkeypatch.setenv(variable, "x")

    assert _refusal(tmp_path, "[limits]\nmessage_chars = 5\n").startswith(said)


def test_secrets_are_masked_wherever_settings_are_printed(tmp_path: Path) -> None:
    settings = _load(
        tmp_path,
        SERVER + 'api_key = "s3cret"\n[storage]\nurl = "postgresql://ann:s3cret@host/chat"\n',
    )

    assert "s3cret" not in described(settings) + repr(settings)
    assert "storage.url = 'postgresql://(hidden)@host/chat'" in described(settings)


def test_a_model_that_is_not_configured_is_refused_by_name(tmp_path: Path) -> None:
    settings = _load(tmp_path, SERVER)

    assert settings.model_called(None) == settings.model_called("main") == "main"
    with pytest.raises(ConfigurationError, match="No model is configured as 'big'"):
        settings.model_called("big")


def test_a_schedule_that_never_comes_and_an_unknown_zone_stop_the_start(tmp_path: Path) -> None:
    good = _load(tmp_path, '[training]\nschedule = "30 3 * * sun"\ntimezone = "Europe/Berlin"\n')
    assert good.training.schedule == "30 3 * * sun"

    assert _refusal(tmp_path, '[training]\nschedule = "0 4 31 2 *"\n') == (
        "FOLDER/chatune.toml: training.schedule: '0 4 31 2 *' never comes. Mend that value."
    )
    assert _refusal(tmp_path, '[training]\ntimezone = "Berlin"\n') == (
        "FOLDER/chatune.toml: training.timezone: 'Berlin' is no time zone; one looks like "
        "'Europe/Berlin'. Mend that value."
    )
