"""The command line: `chatune chat | serve | train | init | doctor | data | memory | moderate | feedback | models | demo`.

Only names and help live here; each command imports what it needs when it is run, so that
`chatune --help` is quick.
"""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from chatune_bots.failures import failures_as_lines
from chatune_bots.home import Home, home_at
from chatune_bots.quiet import quiet_libraries

app = typer.Typer(
    name="chatune",
    help="Chat bots that generate on your own machine. Begin with `chatune chat`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data = typer.Typer(help="What is kept about a person.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data, name="data")


memory = typer.Typer(
    help="What is remembered of a person.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(memory, name="memory")


class _CheckByDefault(TyperGroup):
    """A group whose first word may also be what `check` is to look at."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own, not public
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["check", *args]
        return super().parse_args(ctx, args)


moderate = typer.Typer(
    cls=_CheckByDefault,
    help='What moderation says: `chatune moderate "text"`, or one of the commands below.',
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(moderate, name="moderate")

feedback = typer.Typer(
    help="What people think of answers.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(feedback, name="feedback")
demo = typer.Typer(
    help="See for yourself what Chatune does.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(demo, name="demo")

models = typer.Typer(
    help="The versions of LoRAs, and which of them answers.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(models, name="models")

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Folder for data; else CHATUNE_HOME, else XDG."),
]
BotOption = Annotated[
    Path | None, typer.Option("--bot", metavar="FILE", help="A bot file with commands of its own.")
]
RoleOption = Annotated[
    str, typer.Option("--role", help="Whose text it is: user, assistant, community or tool.")
]
ChannelOption = Annotated[
    str, typer.Option("--channel", metavar="ID", help="Where, as in discord:GUILD:CHANNEL.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write to a new file, mode 0600.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="A model of chatune.toml.")
]
VersionArgument = Annotated[str, typer.Argument(metavar="ID", help="As `models list` has it.")]
UserArgument = Annotated[
    str, typer.Argument(metavar="USER", help="The person's id, as in terminal:ann.")
]


def main() -> None:
    """Entry point of `chatune`."""
    quiet_libraries()
    app()


@app.callback(invoke_without_command=True)
def _root(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if show_version:
        from importlib.metadata import version

        typer.echo(f"chatune {version('chatune')}")
        raise typer.Exit


@app.command()
def chat(
    plain: Annotated[
        bool, typer.Option("--plain", help="Answer standard input once, for pipes.")
    ] = False,
    bot: BotOption = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="A model of chatune.toml.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Talk to the bot in this terminal."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.chat import run_chat

        run_chat(chosen, Path.cwd(), bot, model, plain=plain)


@app.command()
def serve(bot: BotOption = None, home: HomeOption = None) -> None:
    """Answer on the configured platforms until told to end."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.serve import run_serve

        run_serve(chosen, Path.cwd(), bot)


@app.command()
def train(
    now: Annotated[
        bool, typer.Option("--now", help="Have the process that serves begin a run.")
    ] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Hold scheduled runs back.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="End the pause.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Say what is due and how the last runs ended.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Learn from ratings: train once, now and here, or see to what is scheduled."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.training import command
        from chatune_core.errors import InvalidInput

        if [now, pause, resume, status].count(True) > 1:
            raise InvalidInput("Give one of --now, --pause, --resume and --status.")
        if now:
            command.run_ask(chosen, Path.cwd())
        elif pause or resume:
            command.run_pause(chosen, Path.cwd(), paused=pause)
        elif status:
            command.run_status(chosen, Path.cwd())
        else:
            command.run_train(chosen, Path.cwd())


@app.command()
def init(
    platform: Annotated[
        str | None,
        typer.Argument(metavar="[discord|slack]", help="Show how to set up this platform instead."),
    ] = None,
    bot: BotOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take the defaults, ask nothing.")] = False,
    home: HomeOption = None,
) -> None:
    """Ask a few questions and write chatune.toml, or lead through the set-up of a platform."""
    with failures_as_lines(chosen := _home(home)):
        if platform is not None:
            from chatune_bots.init_platforms import run_init_platform

            return run_init_platform(platform, chosen, Path.cwd(), bot)
        from chatune_bots.init import run_init

        run_init(chosen, ask=not yes)


@app.command()
def doctor(bot: BotOption = None, home: HomeOption = None) -> None:
    """Check everything and say how to mend what is wrong."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.doctor import run_doctor

        run_doctor(chosen, Path.cwd(), bot)


@data.command("export")
def export(
    user: UserArgument,
    out: OutOption = None,
    home: HomeOption = None,
) -> None:
    """Print everything stored about a person, as JSON."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.data import run_export

        run_export(chosen, Path.cwd(), user, out)


@data.command("erase")
def erase(
    user: UserArgument,
    yes: YesOption = False,
    home: HomeOption = None,
) -> None:
    """Erase everything stored about a person, and print what went."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.data import run_erase

        run_erase(chosen, Path.cwd(), user, ask=not yes)


@data.command("audit")
def audit(
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="Show this many entries at most.")
    ] = 50,
    verify: Annotated[
        bool, typer.Option("--verify", help="Say instead whether the log was tampered with.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Print what operators and the system did, newest first."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.data_audit import run_audit

        run_audit(chosen, Path.cwd(), limit, verify=verify)


@memory.command("show")
def memory_show(user: UserArgument, home: HomeOption = None) -> None:
    """Print what is remembered of a person."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.memory_command import run_show

        run_show(chosen, Path.cwd(), user)


@memory.command("export")
def memory_export(user: UserArgument, out: OutOption = None, home: HomeOption = None) -> None:
    """Print what is remembered of a person, as JSON."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.memory_command import run_export

        run_export(chosen, Path.cwd(), user, out)


@memory.command("forget")
def memory_forget(
    user: UserArgument,
    numbers: Annotated[list[str], typer.Argument(metavar="NUMBER...", help="As show has them.")],
    home: HomeOption = None,
) -> None:
    """Forget memories of a person by their numbers, and print what went."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.memory_command import run_forget

        run_forget(chosen, Path.cwd(), user, numbers)


@memory.command("forget-all")
def memory_forget_all(user: UserArgument, yes: YesOption = False, home: HomeOption = None) -> None:
    """Forget everything that was learned of a person and said with them."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.memory_command import run_forget_all

        run_forget_all(chosen, Path.cwd(), user, ask=not yes)


@memory.command("off")
def memory_off(user: UserArgument, home: HomeOption = None) -> None:
    """Turn memory off for a person who asked for it elsewhere."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.memory_command import run_off

        run_off(chosen, Path.cwd(), user)


@demo.command("learning")
def demo_learning(
    fast: Annotated[
        bool, typer.Option("--fast", help="Fewer votes: quicker, and seldom enough for the gate.")
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Other people, other answers.")
    ] = 0,
    home: HomeOption = None,
) -> None:
    """Watch a simulated community rate real answers, and the model learn from it."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.demo.learning import run_demo_learning

        run_demo_learning(chosen, fast=fast, seed=seed)


@moderate.command()
def check(
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", show_default=False)] = None,
    jsonl: Annotated[
        bool,
        typer.Option("--jsonl", help='Judge standard input, one {"text": ...} a line.'),
    ] = False,
    image: Annotated[
        Path | None, typer.Option("--image", metavar="FILE", help="Judge a picture instead.")
    ] = None,
    role: RoleOption = "community",
    channel: ChannelOption = "",
    home: HomeOption = None,
) -> None:
    """Say what moderation makes of a text, a picture or a stream; the word `check` may be left out."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots import moderate, moderate_lines
        from chatune_core.errors import InvalidInput

        if [text is not None, jsonl, image is not None].count(True) != 1:
            raise InvalidInput("Give a text, or --jsonl, or --image FILE.")
        source = moderate.source_named(role, channel)
        if image is not None:
            moderate.run_moderate_image(chosen, Path.cwd(), image, source)
        elif text is not None:
            moderate.run_moderate(chosen, Path.cwd(), text, source)
        else:
            moderate_lines.run_moderate_lines(chosen, Path.cwd(), source)


@moderate.command()
def calibrate(
    sample: Annotated[Path, typer.Argument(metavar="FILE", help="A .jsonl, or a text a line.")],
    show: Annotated[bool, typer.Option("--show", help="Print the texts of the examples.")] = False,
    role: RoleOption = "community",
    channel: ChannelOption = "",
    home: HomeOption = None,
) -> None:
    """Count what the policy would have flagged in a sample of your own."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.moderate import source_named
        from chatune_bots.moderate_calibrate import run_calibrate

        run_calibrate(chosen, Path.cwd(), sample, source_named(role, channel), show=show)


@moderate.command()
def cases(
    state: Annotated[
        str, typer.Option("--state", help="Only these: open, upheld, undone or appealed.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="Show this many at most.")
    ] = 50,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print what people said, too.")] = False,
    home: HomeOption = None,
) -> None:
    """Print what was found in posts and what was decided, newest first."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.moderate_cases import run_cases

        run_cases(chosen, Path.cwd(), state, limit, jsonl=jsonl, show=show)


@moderate.command("export")
def export_cases(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="A new .jsonl file.")],
    home: HomeOption = None,
) -> None:
    """Write what was decided as rows to train on, of people who agreed to it."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.moderate_export import run_export_cases

        run_export_cases(chosen, Path.cwd(), out)


@feedback.command("stats")
def feedback_stats(home: HomeOption = None) -> None:
    """Count ratings and corrections, and say how many may be learned from and why others may not."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.feedback import run_stats

        run_stats(chosen, Path.cwd())


@feedback.command("export")
def feedback_export(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="A new .jsonl file.")],
    home: HomeOption = None,
) -> None:
    """Write what may be learned from as rows to train on, of people who agreed to it."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.feedback import run_export

        run_export(chosen, Path.cwd(), out)


@models.command("list")
def models_list(model: ModelOption = None, home: HomeOption = None) -> None:
    """Print all versions, newest first."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.models import run_list

        run_list(chosen, Path.cwd(), model)


@models.command("show")
def models_show(version: VersionArgument, home: HomeOption = None) -> None:
    """Print everything known of a version, and check its files."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.models import run_show

        run_show(chosen, Path.cwd(), version)


@models.command("diff")
def models_diff(version: VersionArgument, other: VersionArgument, home: HomeOption = None) -> None:
    """Print how two versions differ: what they were made from, and what was measured."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.models import run_diff

        run_diff(chosen, Path.cwd(), version, other)


@models.command("promote")
def models_promote(
    version: VersionArgument,
    share: Annotated[
        float | None,
        typer.Option(
            "--share",
            metavar="SHARE",
            min=0.01,
            max=0.99,
            help="As a canary in so many conversations.",
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Have a version answer in all conversations, or in a share of them."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.models import run_promote

        run_promote(chosen, Path.cwd(), version, share)


@models.command("rollback")
def models_rollback(model: ModelOption = None, home: HomeOption = None) -> None:
    """End the canary of a model; without one, go back to what answered before."""
    with failures_as_lines(chosen := _home(home)):
        from chatune_bots.models import run_rollback

        run_rollback(chosen, Path.cwd(), model)


def _home(chosen: Path | None) -> Home:
    return home_at(chosen, os.environ)
