"""A LoRA that a run has trained: judged by the gate, then on record, then a canary or before people."""

import math
from collections.abc import Callable, Mapping
from functools import partial

from chatune_bots.compose import utc_now
from chatune_bots.training.approving import approval
from chatune_bots.training.bench import Bench, in_thread
from chatune_bots.training.messages import Said
from chatune_core.errors import TrainingFailed
from chatune_core.generation.requests import LoraId
from chatune_core.learning.curves import Curve
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.gate import Decision, GateReport
from chatune_core.learning.manifest import manifest_text
from chatune_core.learning.recipe import Trained
from chatune_core.learning.report import headline
from chatune_core.learning.report_files import PAGE, write_report
from chatune_core.learning.rows import Dataset
from chatune_core.learning.run import Judged, Registered
from chatune_core.learning.runs import RunState, TrainingRun
from chatune_core.learning.versions import LoraState, LoraVersion, sources_of

_STATES = {
    Decision.PASSED: RunState.MADE,
    Decision.WAITS: RunState.MADE,
    Decision.REFUSED: RunState.REFUSED,
    Decision.NOT_YET: RunState.NOTHING,
}
_STALE = "somebody took back meanwhile what it learned from; the next run leaves that out"


class TrainedCandidate:
    """Fulfils `Candidate`. `examine` takes long, and is called on a thread."""

    def __init__(
        self,
        bench: Bench,
        run: TrainingRun,
        dataset: Dataset,
        trained: Trained,
        examine: Callable[[], GateReport],
    ) -> None:
        self._bench, self._run = bench, run
        self._dataset, self._trained, self._examine = dataset, trained, examine
        self._lora = LoraId(f"{run.model}-{run.id}")
        self._report = GateReport(Decision.NOT_YET, ())

    async def judge(self) -> Judged:
        """See Candidate.judge."""
        self._report = report = await in_thread(self._reported)
        reasons = " ".join(report.reasons)
        return Judged(_STATES[report.decision], reasons or headline(report))

    async def register(self, judged: Judged) -> Registered:
        """See Candidate.register."""
        bench, loras = self._bench, self._bench.stores.loras
        files = LoraFiles(bench.home.loras)
        kept = await in_thread(partial(files.keep, self._lora, self._trained.folder))
        served, at = await loras.served(self._run.model), utc_now()
        version = LoraVersion(
            id=self._lora,
            model=self._run.model,
            base=bench.name,
            folder=kept.folder,
            sha256=kept.sha256,
            manifest=manifest_text(self._dataset.manifest),
            metrics=_finite({**self._trained.metrics, **self._report.metrics}),
            parent=served.active.id if served.active else None,
            made_at=at,
            state=LoraState.CANDIDATE,
            changed_at=at,
            reason=judged.reason,
        )
        rows = (*self._dataset.train, *self._dataset.holdout)
        await loras.add(version, sources_of(rows))
        return Registered(self._lora, await self._going_on(judged))

    async def _going_on(self, judged: Judged) -> str:
        """Let it go its way; return what becomes of it, for people."""
        bench = self._bench
        version = await bench.stores.loras.find(self._lora)
        if version is not None and version.stale:
            return _STALE
        if self._report.decision is Decision.WAITS:
            desk = approval(bench.settings, bench.home, bench.stores)
            if desk is not None:
                await bench.stores.inbox.put(desk.announcement(self._lora))
            return judged.reason
        share = bench.settings.canary.share
        candidate, canary = LoraState.CANDIDATE, LoraState.CANARY
        await bench.stores.loras.move(self._lora, [candidate], canary, judged.reason, share)
        return judged.reason

    def _reported(self) -> GateReport:
        report = self._examine()
        folder = self._bench.home.reports / self._lora
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            curves = [Curve(name, values) for name, values in self._trained.curves.items()]
            write_report(folder, report, self._lora, curves)
            self._bench.hear(Said(f"the report is in {folder / PAGE}"))
        except OSError as error:
            reason = error.strerror or str(error)
            raise TrainingFailed(
                f"the report cannot be written to {str(folder)!r}: {reason}"
            ) from error
        return report


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return what could be measured."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
