"""One frozen tree of settings, read from chatune.toml and the environment."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from chatune_bots.canary_settings import CanarySection
from chatune_bots.memory_settings import MemorySection
from chatune_bots.moderation_settings import GuardSection, ModerationSection
from chatune_bots.training_settings import TrainingSettings
from chatune_core.errors import ConfigurationError
from chatune_core.generation.requests import Sampling
from chatune_core.settings import PERSONA, CoreSettings

ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Platform = Literal["console", "discord", "slack"]
_Address = Annotated[str, StringConstraints(pattern=r"^[^\s:]+:\d{1,5}$")]
_Url = Annotated[str, StringConstraints(pattern=r"^(https?|wss?)://[^\s/]+")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BotSettings(_Section):
    """Who answers. `persona` is the system prompt; `{name}` in it stands for the name.

    `model` is one of `[models.<name>]`; left out, the first of them answers.
    """

    name: str = Field(default="Chatune", min_length=1, max_length=64)
    persona: str = PERSONA
    model: ModelName | None = None


class LocalModel(_Section):
    """A model that runs in this process.

    `model` is "bundled", a Hugging Face id or a folder. `context_tokens` bounds prompt and
    completion together; left out, the model's own limit within the memory that is there.
    """

    kind: Literal["local"] = "local"
    model: str = Field(default="bundled", min_length=1)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    weights: Literal["auto", "unpacked", "int8", "int4"] = "auto"
    slots: int | None = Field(default=None, ge=1, le=1024)
    context_tokens: int | None = Field(default=None, ge=128)
    threads: int | None = Field(default=None, ge=1, le=1024)

    @property
    def where(self) -> str:
        """Return what answers and where, for people."""
        name = "SmolLM2-135M-Instruct" if self.model == "bundled" else self.model
        return f"{name} on this machine; what you write stays here"


class RemoteModel(_Section):
    """A model behind an OpenAI-compatible server.

    `api_key` is best given as CHATUNE_MODELS__<NAME>__API_KEY and kept out of the file.
    `context_tokens` left out is what the server reports. `concurrency` is how many requests are
    sent at once. `lora_folder` is where the server sees the registry's folder, if not where we do.
    """

    kind: Literal["openai"]
    base_url: str = Field(pattern=r"^https?://[^\s/]+")
    model: str = Field(min_length=1)
    api_key: SecretStr | None = None
    context_tokens: int | None = Field(default=None, ge=128)
    concurrency: int = Field(default=16, ge=1, le=4096)
    lora_folder: str | None = None

    @property
    def where(self) -> str:
        """Return what answers and where, for people."""
        return f"{self.model} at {self.base_url}; what you write is sent there"


def _kind_of(table: object) -> str:
    if isinstance(table, dict):
        return str(table.get("kind", "local"))
    return str(getattr(table, "kind", "local"))


ModelSettings = Annotated[
    Annotated[LocalModel, Tag("local")] | Annotated[RemoteModel, Tag("openai")],
    Discriminator(_kind_of),
]


class GenerationSettings(_Section):
    """How tokens are chosen, how long an answer may take and how many may wait for one."""

    temperature: float = Field(default=0.2, ge=0, le=2)
    top_p: float = Field(default=0.9, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    min_p: float = Field(default=0.0, ge=0, lt=1)
    # It would count the words of the question too: at 1.1 a small model avoids "France" and "Paris".
    repetition_penalty: float = Field(default=1.0, gt=0, le=2)
    max_tokens: int = Field(default=512, ge=1)
    stop: tuple[str, ...] = ()
    deadline_s: float = Field(default=300.0, gt=0)
    queue_limit: int = Field(default=256, ge=1)


class StorageSettings(_Section):
    """Where messages are kept and how long.

    `url` left out is a SQLite file in the home folder. `retention_days` is how long the raw text
    of ended conversations stays. `lease_s` is how long a claim on an event lasts unrenewed.
    """

    # Not shown by repr: a URL may carry a password.
    url: str | None = Field(
        default=None, repr=False, pattern=r"^(sqlite|postgresql)(\+[a-z0-9]+)?://"
    )
    retention_days: int = Field(default=30, ge=1)
    lease_s: float = Field(default=60.0, ge=1)

    @property
    def keep_for(self) -> timedelta:
        """Return how long raw text stays."""
        return timedelta(days=self.retention_days)

    @property
    def is_file(self) -> bool:
        """Return whether the database is a file of this machine (SQLite)."""
        return self.url is None or self.url.startswith("sqlite")


class LimitSettings(_Section):
    """What a person may send: `message_chars` is the longest message in characters."""

    message_chars: int = Field(default=32_000, ge=1)


class DiscordSection(_Section):
    """A bot account on Discord; `chatune init discord` says where to get it.

    `token` is best given as CHATUNE_DISCORD__TOKEN. `message_content` asks for the privileged
    intent, needed only to follow threads and replies that do not mention the bot. `shards` left
    out is what Discord recommends. The addresses are for proxies and tests.
    """

    token: SecretStr | None = None
    message_content: bool = False
    shards: int | None = Field(default=None, ge=1)
    api_base: _Url | None = None
    gateway_url: _Url | None = None


class SlackSection(_Section):
    """A Slack app; `chatune init slack` writes its manifest and says where to get the tokens.

    Tokens and secrets are best given as CHATUNE_SLACK__BOT_TOKEN and so on. With `app_token` events
    come over Socket Mode, else over HTTP at `listen`, checked with `signing_secret`. `bot_token`
    serves one workspace; `client_id` and `client_secret` let others install the app. With
    `moderator_token`, a person's own token, messages are removed in watched channels.
    """

    app_token: SecretStr | None = None
    bot_token: SecretStr | None = None
    moderator_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    listen: _Address | None = None
    public_url: _Url | None = None
    rotates_tokens: bool = False
    command: str = Field(default="/chatune", pattern=r"^/[a-z0-9_-]{1,31}$")
    api_base: _Url | None = None


class ServeSettings(_Section):
    """Which platforms `chatune serve` answers, and how long it finishes answers when told to end.

    `health` is where `GET /health` tells how the platforms are, as in "127.0.0.1:8080".
    """

    platforms: tuple[Platform, ...] = ("console",)
    drain_s: float = Field(default=30.0, ge=0)
    health: _Address | None = None


class Settings(BaseSettings):
    """The whole tree; every field has a default that runs on a laptop.

    The arguments are the content of chatune.toml; environment variables (`CHATUNE_BOT__NAME`)
    stand above them. `chatune_bots.configuration.load` is the way to build one.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="CHATUNE_", env_nested_delimiter="__"
    )

    bot: BotSettings = BotSettings()
    models: dict[ModelName, ModelSettings] = Field(default={"bundled": LocalModel()}, min_length=1)
    generation: GenerationSettings = GenerationSettings()
    storage: StorageSettings = StorageSettings()
    limits: LimitSettings = LimitSettings()
    moderation: ModerationSection = ModerationSection()
    memory: MemorySection = MemorySection()
    training: TrainingSettings = TrainingSettings()
    canary: CanarySection = CanarySection()
    serve: ServeSettings = ServeSettings()
    discord: DiscordSection = DiscordSection()
    slack: SlackSection = SlackSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file; nothing else is read."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _the_bots_model_is_configured(self) -> "Settings":
        if self.bot.model is not None and self.bot.model not in self.models:
            known = ", ".join(self.models)
            raise ValueError(f"bot.model is {self.bot.model!r}; the configured models are: {known}")
        return self

    @model_validator(mode="after")
    def _the_guard_is_configured(self) -> "Settings":
        guard = self.moderation.classifier
        if isinstance(guard, GuardSection) and guard.model not in self.models:
            known = ", ".join(self.models)
            raise ValueError(
                f"moderation.classifier.model is {guard.model!r}; the configured models are: {known}"
            )
        return self

    @model_validator(mode="after")
    def _the_reader_is_configured(self) -> "Settings":
        if self.memory.model is not None and self.memory.model not in self.models:
            known = ", ".join(self.models)
            raise ValueError(
                f"memory.model is {self.memory.model!r}; the configured models are: {known}"
            )
        return self

    @model_validator(mode="after")
    def _the_trained_model_is_configured(self) -> "Settings":
        if self.training.model is not None and self.training.model not in self.models:
            known = ", ".join(self.models)
            raise ValueError(
                f"training.model is {self.training.model!r}; the configured models are: {known}"
            )
        return self

    @property
    def trained_model(self) -> str:
        """Return the name of the model that is trained."""
        return self.training.model or self.default_model

    @property
    def trained_weights(self) -> str:
        """Return which weights are trained: "bundled", a Hugging Face id or a folder.

        Raises:
            ConfigurationError: the model runs on a server, and it is not said what its weights are.
        """
        model = self.models[self.trained_model]
        if self.training.base is not None:
            return self.training.base
        if isinstance(model, LocalModel):
            return model.model
        raise ConfigurationError(
            f"The model {self.trained_model!r} runs on a server, and its weights are not known here.",
            "Set training.base to their Hugging Face id or folder, or training.model to another model.",
        )

    @property
    def default_model(self) -> str:
        """Return the name of the model that answers unless a conversation chose another."""
        return self.bot.model or next(iter(self.models))

    def model_called(self, name: str | None) -> str:
        """Return `name` if a model is configured under it, or the default for None.

        Raises:
            ConfigurationError: naming the models that there are.
        """
        if name is None:
            return self.default_model
        if name not in self.models:
            known = ", ".join(self.models)
            raise ConfigurationError(
                f"No model is configured as {name!r}.",
                f"Configured: {known}. Add [models.{name}] to chatune.toml for another.",
            )
        return name

    def for_core(self) -> CoreSettings:
        """Return the part that the core takes."""
        generation = self.generation
        return CoreSettings(
            persona=self.bot.persona.replace("{name}", self.bot.name),
            sampling=Sampling(
                temperature=generation.temperature,
                top_p=generation.top_p,
                top_k=generation.top_k,
                min_p=generation.min_p,
                repetition_penalty=generation.repetition_penalty,
                max_tokens=generation.max_tokens,
                stop=generation.stop,
            ),
            deadline=timedelta(seconds=generation.deadline_s),
            longest_message=self.limits.message_chars,
            lease_for=timedelta(seconds=self.storage.lease_s),
            choice_share=self.training.choice_share,
        )
