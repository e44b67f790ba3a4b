"""A whole run with the real steps: evidence of a store, a tiny model, the gate, the registry."""

from datetime import timedelta
from pathlib import Path

import pytest
from anyio import to_thread

from chatune_bots.compose import utc_now
from chatune_bots.configuration import Configuration
from chatune_bots.gate_settings import GateSection
from chatune_bots.home import Home
from chatune_bots.moderation_settings import ModerationSection
from chatune_bots.settings import Settings
from chatune_bots.start import Start
from chatune_bots.training.approving import decide
from chatune_bots.training.bench import Bench
from chatune_bots.training.candidate import TrainedCandidate
from chatune_bots.training.messages import Message, Said, Stepped, Task
from chatune_bots.training.workshop import Onlooker, furnish
from chatune_bots.training_settings import TrainingSettings
from chatune_core.bots import Bot
from chatune_core.errors import TrainingFailed
from chatune_core.generation.requests import LoraId
from chatune_core.generation.sources import Source
from chatune_core.learning.files import CONFIGURATION, WEIGHTS, LoraFiles
from chatune_core.learning.gate import Decision, GateReport
from chatune_core.learning.manifest import manifest_of
from chatune_core.learning.recipe import Step, Trained
from chatune_core.learning.report_files import read_report
from chatune_core.learning.rows import Dataset, RowId, Thumb
from chatune_core.learning.run import Conductor, Order
from chatune_core.learning.runs import TRAINING, RunId, RunState, TrainingRun
from chatune_core.learning.versions import LoraState
from chatune_core.leases import Fence
from chatune_core.messages import CommandInvoked, ConversationId, EventKey, UserId
from chatune_core.moderation.moderator import Moderator
from chatune_core.moderation.policy import Policy
from chatune_core.outcomes import AnswerRated
from chatune_core.privacy import Purpose
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.events import AT, generated, handle, said
from fakes.tiny_models import write_model

pytestmark = pytest.mark.anyio
PLACE = "discord:1:2"
SUBJECTS = [
    "gardens",
    "rivers",
    "engines",
    "winters",
    "letters",
    "windows",
    "markets",
    "teachers",
    "mountains",
    "breads",
    "stories",
    "music",
    "summers",
    "islands",
    "doctors",
    "planets",
    "forests",
    "bridges",
    "cameras",
    "kitchens",
]
JUDGES = [UserId(f"terminal:judge{number}") for number in range(4)]
ASKER = UserId("terminal:asker")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "small", "llama")


@pytest.fixture
def stores() -> Stores:
    return memory_stores(utc_now, timedelta(minutes=1))


def start_with(tmp_path: Path, model: Path, **training: object) -> Start:
    options = {"base": str(model), "least_rows": 8, "epochs": 1, "threads": 1, **training}
    section = TrainingSettings.model_validate(options)
    settings = Settings(
        training=section,
        moderation=ModerationSection.model_validate({"classifier": {"kind": "none"}}),
    )
    return Start(Home(tmp_path / "home"), Configuration(settings, None), Bot())


async def rated(stores: Stores, answers: int) -> None:
    """Have so many answers judged by people who all agreed to training."""
    for user in (ASKER, *JUDGES):
        await stores.consents.record(user, Purpose.TRAINING, True, "test")
    room = ConversationId("terminal:room")
    for number in range(answers):
        subject, judge = SUBJECTS[number % len(SUBJECTS)], JUDGES[number * len(JUDGES) // answers]
        key, at = str(number), AT + timedelta(minutes=number)
        made = generated(
            key, f"tell {number} of {subject}", f"{subject} are {number}", room, ASKER, at
        )
        await handle(stores, said(key, room=room, user=ASKER), made)
        vote = AnswerRated(made.event, judge, 1 if number % 2 else -1, at)
        await handle(stores, said(f"v{key}", room=room, user=judge), vote)


async def conducted(
    begun: Start, stores: Stores, heard: list[Message], due: str = "tonight"
) -> TrainingRun:
    term = await stores.leases.hold(TRAINING, "one", timedelta(minutes=1))
    assert term is not None
    conductor = Conductor(
        stores.training_runs, Fence(TRAINING, term), utc_now, lambda: f"run-{due}"
    )
    order = Order("bundled", due, "it was due")
    task = Task(str(begun.home.path), "", order, "one")
    async with furnish(begun, stores, task)(heard.append) as shop:
        run = await conductor.conduct(order, shop)
    assert run is not None
    return run


async def test_with_too_few_rows_nothing_is_trained(
    tmp_path: Path, model: Path, stores: Stores
) -> None:
    await rated(stores, 7)
    heard: list[Message] = []

    run = await conducted(start_with(tmp_path, model), stores, heard)

    assert (run.state, run.reason) == (RunState.NOTHING, "not yet: 7 of 8 rows")
    assert run.rated == 7
    assert not (tmp_path / "home" / "training").exists()


async def test_with_too_few_votes_to_judge_by_nothing_is_trained_either(
    tmp_path: Path, model: Path, stores: Stores
) -> None:
    await rated(stores, 16)
    heard: list[Message] = []

    run = await conducted(start_with(tmp_path, model), stores, heard)

    assert run.state is RunState.NOTHING
    assert run.reason.startswith("Not yet: 4 of 40 held-out votes to compare.")
    assert not [message for message in heard if isinstance(message, Stepped)]


async def test_a_candidate_that_has_learned_nothing_is_refused_and_the_report_says_why(
    tmp_path: Path, model: Path, stores: Stores
) -> None:
    await rated(stores, 16)
    heard: list[Message] = []
    limits = GateSection(least_votes=2, least_judges=1)
    begun = start_with(tmp_path, model, gate=limits.model_dump())

    run = await conducted(begun, stores, heard)

    assert run.state is RunState.REFUSED, run.reason
    assert "12 rows to learn from, 4 to judge by\n" in lines(heard)
    assert f"the report is in {begun.home.reports}/bundled-run-tonight/gate.html" in lines(heard)
    steps = [message.number for message in heard if isinstance(message, Stepped)]
    assert steps == [*range(1, len(steps) + 1)] != []
    report = read_report(begun.home.reports / "bundled-run-tonight")
    assert report is not None
    assert run.reason == " ".join(report.reasons)
    assert list(await stores.loras.versions()) == []
    assert list(begun.home.training.iterdir()) == []


async def test_a_run_has_got_further_once_a_checkpoint_is_behind_it() -> None:
    heard: list[Message] = []
    further: list[int] = []

    async def got_further() -> None:
        further.append(len(heard))

    def train() -> None:
        onlooker = Onlooker(heard.append, got_further, 10)
        for number in range(25):
            onlooker.step(Step(number, 25, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1))

    await to_thread.run_sync(train)

    assert len(heard) == 25
    assert further == [11]


async def test_people_of_a_platform_are_not_learned_from_without_its_permission(
    tmp_path: Path, model: Path, stores: Stores
) -> None:
    ann, room = UserId("discord:ann"), ConversationId("discord:1:room")
    await stores.consents.record(ann, Purpose.TRAINING, True, "test")
    await handle(stores, said("1", room=room, user=ann), generated("1", room=room, user=ann))
    vote = AnswerRated(generated("1").event, ann, 1, AT)
    await handle(stores, said("2", room=room, user=ann), vote)

    refused: list[Message] = []
    await conducted(start_with(tmp_path, model), stores, refused)
    permitted: list[Message] = []
    permission = {"platform_training_permission": "letter of 1 May"}
    begun = start_with(tmp_path, model, **permission)
    await conducted(begun, stores, permitted, "tomorrow")

    assert "0 rows to learn from, 0 to judge by; left out: 1 from a platform" in lines(refused)
    assert "1 rows to learn from, 0 to judge by" in lines(permitted)


def lines(heard: list[Message]) -> str:
    return "\n".join(message.line for message in heard if isinstance(message, Said))


async def candidate(
    tmp_path: Path, model: Path, stores: Stores, decision: Decision, **training: object
) -> TrainedCandidate:
    """Return a candidate that was judged so."""
    begun = start_with(tmp_path, model, **training)
    await rated(stores, 2)
    rows = tuple(
        Thumb(
            RowId(f"row {number}"), EventKey(f"test:{number}"), (), "an answer", True, JUDGES[number],
            frozenset({ASKER, JUDGES[number]}), AT,
        )
        for number in range(2)
    )  # fmt: skip
    dataset = Dataset(rows[:1], rows[1:], manifest_of(rows[:1], rows[1:], {}, {}, AT))
    lora = tmp_path / "lora"
    lora.mkdir()
    for name in (WEIGHTS, CONFIGURATION):
        (lora / name).write_text(name)
    trained = Trained(lora, "", {"loss": 0.5, "margin": float("nan")}, {"loss": (1.0, 0.5)})
    run = TrainingRun(RunId("run-1"), "bundled", "tonight", "it was due", AT, AT, 1)
    bench = Bench(
        begun.settings,
        stores,
        begun.home,
        Source("small", "local", model, None),
        Moderator([], None, Policy({})),
        lambda message: None,
    )
    report = GateReport(decision, (), metrics={"gain": 0.12})
    return TrainedCandidate(bench, run, dataset, trained, lambda: report)


LORA = LoraId("bundled-run-1")


async def test_what_passes_is_on_record_and_answers_in_some_conversations(
    tmp_path: Path, model: Path, stores: Stores
) -> None:
    made = await candidate(tmp_path, model, stores, Decision.PASSED)

    judged = await made.judge()
    registered = await made.register(judged)
    await made.register(judged)  # as after a death before that was recorded

    assert judged.state is RunState.MADE
    assert (registered.lora, registered.reason) == (LORA, judged.reason)
    [version] = await stores.loras.versions()
    assert version.state is LoraState.CANARY
    assert version.share == Settings().canary.share
    assert version.metrics == {"loss": 0.5, "gain": 0.12}
    assert version.base == "small@local"
    assert LoraFiles(tmp_path / "home" / "loras").checked(version).is_dir()
    assert (await stores.inbox.lease(9)) == []


async def test_where_people_decide_they_are_told_once_and_it_waits(
    tmp_path: Path, model: Path, stores: Stores
) -> None:
    made = await candidate(
        tmp_path, model, stores, Decision.WAITS, require_approval=True, approvals=PLACE
    )

    judged = await made.judge()
    await made.register(judged)
    await made.register(judged)

    [version] = await stores.loras.versions()
    assert version.state is LoraState.CANDIDATE
    [lease] = await stores.inbox.lease(9)
    assert isinstance(lease.event, CommandInvoked)
    assert (lease.event.conversation, lease.event.arguments) == (PLACE, LORA)


async def test_where_people_decide_at_the_command_line_it_waits_too(
    tmp_path: Path, model: Path, stores: Stores
) -> None:
    made = await candidate(tmp_path, model, stores, Decision.WAITS, require_approval=True)

    await made.register(await made.judge())

    [version] = await stores.loras.versions()
    assert version.state is LoraState.CANDIDATE
    assert (await stores.inbox.lease(9)) == []


async def test_what_somebody_took_back_meanwhile_goes_no_further(
    tmp_path: Path, model: Path, stores: Stores
) -> None:
    made = await candidate(tmp_path, model, stores, Decision.PASSED)
    judged = await made.judge()
    await stores.consents.record(ASKER, Purpose.TRAINING, False, "test")

    registered = await made.register(judged)

    [version] = await stores.loras.versions()
    assert (version.state, version.stale) == (LoraState.CANDIDATE, True)
    assert registered.reason.startswith("somebody took back meanwhile what it learned from")


async def test_a_full_disk_at_the_report_is_a_clear_end(
    tmp_path: Path, model: Path, stores: Stores
) -> None:
    made = await candidate(tmp_path, model, stores, Decision.PASSED)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "reports").write_text("in the way")

    with pytest.raises(TrainingFailed, match="the report cannot be written to"):
        await made.judge()


@pytest.mark.parametrize(
    ("approved", "state"), [(True, LoraState.CANARY), (False, LoraState.RETIRED)]
)
async def test_what_operators_decide_is_done_once(
    tmp_path: Path, model: Path, stores: Stores, approved: bool, state: LoraState
) -> None:
    made = await candidate(tmp_path, model, stores, Decision.WAITS, require_approval=True)
    await made.register(await made.judge())
    by = UserId("discord:operator")

    assert await decide(stores.loras, 0.2, LORA, approved, by)
    assert await decide(stores.loras, 0.2, LORA, approved, by)
    assert not await decide(stores.loras, 0.2, LORA, not approved, by)
    assert not await decide(stores.loras, 0.2, LoraId("unknown"), True, by)

    [version] = await stores.loras.versions()
    assert version.state is state
