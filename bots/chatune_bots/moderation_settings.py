"""The `[moderation]` section: what is judged, by what, where, and what follows."""

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    StringConstraints,
    Tag,
    model_validator,
)

from chatune_core.moderation.cases import Measure
from chatune_core.moderation.verdicts import Category, Role

_NEVER = "never"
_USER = r"^[a-z]+:\S+$"
_PLACE = r"^[a-z]+(:[^:\s]+)*$"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _score(value: object) -> object:
    """Return a score; "never" is one that no text reaches."""
    if value == _NEVER:
        return 2.0
    if isinstance(value, bool) or (isinstance(value, int | float) and not 0 <= value <= 1):
        raise ValueError(f'must be from 0 to 1 or "never", got {value!r}')
    return value


Score = Annotated[float, BeforeValidator(_score)]


class Levels(_Section):
    """From which score on a person looks, and from which on something is done.

    A score is from 0 to 1, or "never". What is left out is as around it. Models score below 1, so
    1 means: only when a rule is sure.
    """

    review: Score | None = None
    act: Score | None = None

    @model_validator(mode="after")
    def _are_in_order(self) -> "Levels":
        if self.review is not None and self.act is not None and self.review > self.act:
            raise ValueError(
                f"something would be done from {_shown(self.act)} on, but a person would look only "
                f"from {_shown(self.review)} on; set review no higher than act"
            )
        return self


def _shown(score: float) -> str:
    return _NEVER if score > 1 else f"{score:g}"


class ByCategory(_Section):
    """Levels for each category."""

    harassment: Levels = Levels()
    hate: Levels = Levels()
    sexual: Levels = Levels()
    self_harm: Levels = Levels()
    violence: Levels = Levels()
    spam: Levels = Levels()
    injection: Levels = Levels()
    pii: Levels = Levels()


class ByRole(_Section):
    """Levels for each role and category."""

    user: ByCategory = ByCategory()
    assistant: ByCategory = ByCategory()
    community: ByCategory = ByCategory()
    tool: ByCategory = ByCategory()

    def levels(self, role: Role, category: Category) -> Levels:
        """Return what is set for one role and category."""
        found: Levels = getattr(getattr(self, role.value), category.value)
        return found


_Measures = tuple[Measure, ...] | None


class MeasureSection(_Section):
    """What is done at once about a post, by what it is guilty of; left out, as around it.

    There is none for self_harm, which gets support, and there is no ban.
    """

    harassment: _Measures = None
    hate: _Measures = None
    sexual: _Measures = None
    violence: _Measures = None
    spam: _Measures = None
    injection: _Measures = None
    pii: _Measures = None

    def of(self, category: Category) -> _Measures:
        """Return what is set for one category."""
        found: _Measures = getattr(self, category.value, None)
        return found


class PlaceSection(_Section):
    """What differs in a workspace or channel; what is left out is as in the place around it.

    `age_gated` allows sexual content there. `exempt_users` are ids as in "discord:1234", and
    `exempt_roles` as in "discord:ROLE" or "slack:TEAM:admin". `watch` looks at what people post
    there; `review` is the moderators' channel that is told, `measures` what is done at once.
    `time_out_s` is how long a time-out lasts, `slow_mode_s` the pause that slow mode asks for
    and `slow_mode_for_s` how long it does.
    """

    age_gated: bool = False
    exempt_users: tuple[Annotated[str, StringConstraints(pattern=_USER)], ...] = ()
    exempt_roles: tuple[Annotated[str, StringConstraints(pattern=_USER)], ...] = ()
    thresholds: ByRole = ByRole()
    watch: bool | None = None
    review: Annotated[str, StringConstraints(pattern=_PLACE)] | None = None
    measures: MeasureSection = MeasureSection()
    time_out_s: float | None = Field(default=None, gt=0, le=28 * 24 * 3600)
    slow_mode_s: float | None = Field(default=None, gt=0, le=6 * 3600)
    slow_mode_for_s: float | None = Field(default=None, gt=0, le=28 * 24 * 3600)


class FailSection(_Section):
    """What happens to each role's texts while the model that judges cannot answer.

    "open": rules alone count. "closed": nothing goes on; it is tried again, then people are told.
    """

    user: Literal["open", "closed"] = "open"
    assistant: Literal["open", "closed"] = "closed"
    community: Literal["open", "closed"] = "open"
    tool: Literal["open", "closed"] = "open"


class WordSection(_Section):
    """Files of words and phrases, one a line, by what they are.

    A hit inside one of `allow` does not count. `scams` looks for the phrases of common scams, too.
    """

    scams: bool = True
    allow: tuple[str, ...] = ()
    harassment: tuple[str, ...] = ()
    hate: tuple[str, ...] = ()
    sexual: tuple[str, ...] = ()
    self_harm: tuple[str, ...] = ()
    violence: tuple[str, ...] = ()
    spam: tuple[str, ...] = ()
    injection: tuple[str, ...] = ()

    def files(self, category: Category) -> tuple[str, ...]:
        """Return the files of one category."""
        found: tuple[str, ...] = getattr(self, category.value, ())
        return found


class LinkSection(_Section):
    """Domains, each with all below it; an entry "@FILE" stands for the lines of a file.

    `only_allowed` refuses every link that is not to a domain of `allow`.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    only_allowed: bool = False


class ImageSection(_Section):
    """Whether pictures are looked at, and a file of perceptual hashes of unwanted ones."""

    enabled: bool = True
    deny: str | None = None


class EmbeddedClassifier(_Section):
    """The classifier that comes with Chatune."""

    kind: Literal["embedded"] = "embedded"


class NoClassifier(_Section):
    """Rules alone."""

    kind: Literal["none"]


def _labels(value: object) -> object:
    if isinstance(value, dict):
        return {str(label).strip().lower(): meaning for label, meaning in value.items()}
    return value


_Labels = Annotated[dict[str, Category], BeforeValidator(_labels)]


class TransformersSection(_Section):
    """A Hugging Face sequence classifier in this process; `labels` say what its labels mean.

    `fetch` allows a download; without it the model must be a folder or in the local cache.
    """

    kind: Literal["transformers"]
    model: str = Field(min_length=1)
    labels: _Labels = {}
    device: Annotated[str, StringConstraints(pattern=r"^(cpu|cuda(:\d+)?|mps)$")] = "cpu"
    fetch: bool = False


class GuardSection(_Section):
    """A guard model: `model` is one of `[models.<name>]`, `family` how it is asked and answers."""

    kind: Literal["guard"]
    model: str
    family: Literal["qwen3guard", "llama-guard", "granite-guardian"]
    labels: _Labels = {}


class ServiceSection(_Section):
    """A service with an OpenAI-compatible `/moderations`; every text is sent there.

    `api_key` is best given as CHATUNE_MODERATION__CLASSIFIER__API_KEY.
    """

    kind: Literal["openai"]
    base_url: str = Field(default="https://api.openai.com/v1", pattern=r"^https?://[^\s/]+")
    model: str = "omni-moderation-latest"
    api_key: SecretStr | None = None
    labels: _Labels = {}
    timeout_s: float = Field(default=3.0, gt=0)
    retries: int = Field(default=2, ge=0, le=10)


def _kind_of(table: object) -> str:
    kind = table.get("kind") if isinstance(table, dict) else getattr(table, "kind", None)
    return str(kind or "embedded")


ClassifierSection = Annotated[
    Annotated[EmbeddedClassifier, Tag("embedded")]
    | Annotated[NoClassifier, Tag("none")]
    | Annotated[TransformersSection, Tag("transformers")]
    | Annotated[GuardSection, Tag("guard")]
    | Annotated[ServiceSection, Tag("openai")],
    Discriminator(_kind_of),
]
_KINDS = tuple(
    get_args(kind.model_fields["kind"].annotation)[0]
    for kind in (
        EmbeddedClassifier,
        NoClassifier,
        TransformersSection,
        GuardSection,
        ServiceSection,
    )
)


class ModerationSection(_Section):
    """What is judged, by what, where, and what follows; docs/moderation.md explains each.

    mode: "on" acts, "shadow" only writes down what it would have done, "off" looks at nothing.
    classifier: "embedded", "none", a Hugging Face id or folder, or a table with a `kind`.
    places: by the beginning of a conversation's id: "discord:GUILD", "discord:GUILD:CHANNEL".
    allowed_rules: rules by name that never count. mentions: how many people one message may call.
    regions: countries whose phone numbers are written without a country code. timeout_s: how long one check may take.
    """

    mode: Literal["off", "shadow", "on"] = "on"
    classifier: ClassifierSection = EmbeddedClassifier()
    timeout_s: float = Field(default=10.0, gt=0)
    fail: FailSection = FailSection()
    words: WordSection = WordSection()
    links: LinkSection = LinkSection()
    images: ImageSection = ImageSection()
    mentions: int = Field(default=5, ge=1)
    regions: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")], ...] = ("US",)
    allowed_rules: tuple[str, ...] = ()
    thresholds: ByRole = ByRole()
    places: dict[Annotated[str, StringConstraints(pattern=_PLACE)], PlaceSection] = {}

    @model_validator(mode="before")
    @classmethod
    def _names_a_classifier(cls, section: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        """Let `classifier = "embedded"` stand for a table."""
        if not isinstance(section, dict) or "classifier" not in section:
            return section
        chosen = section["classifier"]
        if isinstance(chosen, str):
            plain = chosen in ("embedded", "none")
            table = {"kind": chosen} if plain else {"kind": "transformers", "model": chosen}
            return {**section, "classifier": table}
        if isinstance(chosen, dict) and chosen.get("kind", "embedded") not in _KINDS:
            raise ValueError(
                f"classifier.kind is {chosen['kind']!r}; it must be one of {', '.join(_KINDS)}"
            )
        return section
