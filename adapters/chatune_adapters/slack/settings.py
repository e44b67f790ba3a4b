"""What the Slack adapter needs to know."""

from dataclasses import dataclass, field

from chatune_core.errors import ConfigurationError

APPS_PAGE = "https://api.slack.com/apps"
_PERSONS = ("xoxp-", "xoxe.xoxp-")


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """Tokens, addresses and periods. Secrets are never in the repr.

    With `app_token` events come over Socket Mode, else over HTTP at `listen` (`host:port`), signed
    with `signing_secret`. One workspace is served with `bot_token`; with `client_id` and
    `client_secret` instead, any number of workspaces may install the app at `/slack/install`.

    Attributes:
        moderator_token: the user token of a moderator, with which messages of people are removed;
            it belongs to one workspace.
        command: the one slash command; its text is `command arguments`.
        public_url: where Slack and browsers reach `listen`, `https://bot.example.com`.
        prompts: pairs of title and message, offered when an assistant thread opens; up to 4.
        stream: whether to use Slack's native streaming where it is allowed.
        moderates: whether channels are watched, which takes one more scope.
        channels: ids of those that the bot has to be in for that; the doctor looks.
        removes: whether messages are to be removed there, which takes the moderator's token.
        rotates_tokens: whether tokens of workspaces that install the app shall expire and be renewed;
            Slack does not let an app go back.
        offer_to_stop_after_s: once a native stream runs for so long, who asked is shown a button.
        preview_every_s: the least time between two previews of an answer.
        call_timeout_s: how long one call of the Web API may take.
        ping_every_s: between two pings on a socket.
        silence_s: a socket on which nothing was heard for so long is given up.
        backoff_s: the longest wait between two attempts to connect.
    """

    app_token: str = field(default="", repr=False)
    moderator_token: str = field(default="", repr=False)
    bot_token: str = field(default="", repr=False)
    signing_secret: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    listen: str = ""
    path: str = "/slack/events"
    public_url: str = ""
    command: str = "/chatune"
    prompts: tuple[tuple[str, str], ...] = (
        ("What can you do?", "What can you help me with?"),
        ("Summarize a text", "Please summarize the text that I am going to paste."),
    )
    api_base: str = "https://slack.com/api/"
    authorize_url: str = "https://slack.com/oauth/v2/authorize"
    stream: bool = True
    moderates: bool = False
    channels: tuple[str, ...] = ()
    removes: bool = False
    rotates_tokens: bool = False
    offer_to_stop_after_s: float = 5.0
    preview_every_s: float = 1.0
    call_timeout_s: float = 5.0
    ping_every_s: float = 10.0
    silence_s: float = 30.0
    backoff_s: float = 30.0

    @property
    def socket_mode(self) -> bool:
        """Whether events come over Socket Mode."""
        return bool(self.app_token)

    @property
    def many_workspaces(self) -> bool:
        """Whether workspaces install the app over OAuth."""
        return bool(self.client_id and self.client_secret)

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port to listen on, or None.

        Raises:
            ConfigurationError: if `listen` is not `host:port`.
        """
        if not self.listen:
            return None
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdecimal():
            raise ConfigurationError(
                f"slack.listen must be host:port, got {self.listen!r}.",
                "Write for example 0.0.0.0:3000.",
            )
        return host.strip("[]"), int(port)


def check(settings: SlackSettings) -> None:
    """Check that the settings name a way in and a way out.

    Raises:
        ConfigurationError: saying where to find what is missing.
    """
    if not settings.bot_token and not settings.many_workspaces:
        raise ConfigurationError(
            "There is no Slack bot token.",
            f"Open {APPS_PAGE}, choose the app, Install App, and set slack.bot_token to the "
            "Bot User OAuth Token (xoxb-...).",
        )
    if settings.bot_token and not settings.bot_token.startswith("xoxb-"):
        raise ConfigurationError(
            "slack.bot_token is not a bot token.",
            "Use the Bot User OAuth Token under Install App; it begins with xoxb-.",
        )
    if settings.moderator_token and not settings.moderator_token.startswith(_PERSONS):
        raise ConfigurationError(
            "slack.moderator_token is not a person's token.",
            f"Open {APPS_PAGE}, choose the app as an administrator, OAuth & Permissions, and copy "
            "the User OAuth Token; it begins with xoxp-.",
        )
    if settings.app_token and not settings.app_token.startswith("xapp-"):
        raise ConfigurationError(
            "slack.app_token is not an app-level token.",
            f"Open {APPS_PAGE}, choose the app, Basic Information, App-Level Tokens, and generate "
            "one with connections:write; it begins with xapp-.",
        )
    _check_way_in(settings)


def _check_way_in(settings: SlackSettings) -> None:
    if not settings.socket_mode and settings.address is None:
        raise ConfigurationError(
            "There is no way for Slack's events to come in: the app-level token is missing.",
            f"Open {APPS_PAGE}, choose the app, Basic Information, App-Level Tokens, generate one "
            "with connections:write and set slack.app_token; or set slack.listen for HTTP.",
        )
    if not settings.socket_mode and not settings.signing_secret:
        raise ConfigurationError(
            "Requests over HTTP cannot be verified: the signing secret is missing.",
            f"Open {APPS_PAGE}, choose the app, Basic Information, App Credentials, and set "
            "slack.signing_secret.",
        )
    if settings.many_workspaces and settings.address is None:
        raise ConfigurationError(
            "Workspaces cannot install the app: nothing listens for the browser.",
            "Set slack.listen to host:port, or use slack.bot_token for a single workspace.",
        )
