"""`chatune demo learning`: the whole loop in front of one's eyes, in a home that vanishes afterwards."""

import tempfile
import time
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread
from rich.console import Console

from chatune_bots.compose import load_local, open_stores
from chatune_bots.demo.acts import Acts
from chatune_bots.demo.people import TASTE, Taste
from chatune_bots.demo.scale import FAST, FULL, Scale
from chatune_bots.demo.school import School
from chatune_bots.demo.show import Show
from chatune_bots.demo.town import open_town
from chatune_bots.home import Home, prepare
from chatune_bots.memory_settings import MemorySection
from chatune_bots.moderation import open_moderation
from chatune_bots.moderation_settings import ModerationSection, NoClassifier
from chatune_bots.settings import GenerationSettings, LocalModel, Settings
from chatune_core.generation.engine import open_engine
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.sources import find_source, prepared_folder
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.versions import LoraState

_MODEL = "bundled"
_CONTEXT_TOKENS, _SLOTS = 512, 32
_WAITING = 1024


def run_demo_learning(home: Home, *, fast: bool, seed: int) -> None:
    """Play all three acts; exit code 1 unless each ends as it should.

    Only the converted weights are kept, in `home`, where `chatune chat` finds them.
    """
    prepare(home)
    show, scale = Show(Console()), FAST if fast else FULL
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chatune-demo-") as folder:
        place = Home(Path(folder))
        prepare(place)
        went_well = anyio.run(partial(play_acts, place, home, LocalModel(), scale, show, seed))
    took = time.monotonic() - began
    show.say(f"That took {took:.0f} s. What was said and learned here is gone with its home.")
    if not went_well:
        raise SystemExit(1)


def settings_for(model: LocalModel, scale: Scale) -> Settings:
    """Return the settings of the town's bot; `model` answers, whatever the machine's own settings say."""
    room = {"slots": _SLOTS, "context_tokens": model.context_tokens or _CONTEXT_TOKENS}
    return Settings.model_construct(
        **dict(Settings.model_construct())
        | {
            "models": {_MODEL: model.model_copy(update=room)},
            # Answers that differ from each other are what there is to choose from.
            "generation": GenerationSettings(temperature=0.7, max_tokens=scale.tokens),
            "memory": MemorySection(enabled=False),
            "moderation": ModerationSection(classifier=NoClassifier(kind="none")),
        }
    )


async def play_acts(
    home: Home,
    models: Home,
    model: LocalModel,
    scale: Scale,
    show: Show,
    seed: int,
    taste: Taste = TASTE,
) -> bool:
    """Play the acts in `home`, with weights kept in `models`; return whether each ended as it should."""
    settings = settings_for(model, scale)
    with show.work("loading the model") as work:
        local = settings.models[_MODEL]
        assert isinstance(local, LocalModel)
        opened = await to_thread.run_sync(partial(load_local, local, models, work.stage))
        source = find_source(local.model, None, models.models, fetch=False)
        base = await to_thread.run_sync(partial(prepared_folder, source, models.models, work.stage))
    limits = EngineSettings(queue_limit=_WAITING)
    async with (
        open_stores(settings, home, ("terminal",), alone=True) as stores,
        open_engine(opened.runner, opened.tokenizer, opened.model, limits) as engine,
        open_moderation(settings.moderation, home.path, {}) as moderation,
    ):
        moderator = moderation.moderator
        assert moderator is not None
        async with open_town(settings, home, stores, engine, moderator) as town:
            work_folder = home.path / "work"
            core = settings.for_core()
            acts = Acts(
                town=town,
                school=School(stores, moderator, base, work_folder, scale, show),
                files=LoraFiles(home.loras),
                model=_MODEL,
                weights=f"{source.name}@{source.revision}",
                persona=core.persona,
                sampling=core.sampling,
                work=work_folder,
                scale=scale,
                show=show,
                seed=seed,
                taste=taste,
            )
            return await _three(acts, show)


async def _three(acts: Acts, show: Show) -> bool:
    dataset, pupil, version, compared = await acts.learn()
    nonsense = await acts.refuse(dataset)
    bad = await acts.roll_back(dataset, pupil)
    ends = {
        "the gate lets the model through": pupil.report.passed,
        "people promote it": version is not None and version.state is LoraState.ACTIVE,
        "people like its answers more often": compared is not None
        and compared.liked_after > compared.liked_before,
        "votes without sense are refused": not nonsense.report.passed,
        "the spoiled model is rolled back": bad.state is LoraState.RETIRED,
    }
    show.act("What came of it")
    show.facts({what: "yes" if held else "NO" for what, held in ends.items()})
    return all(ends.values())
