"""How large the demonstration is: in full, quick, or for a test."""

from dataclasses import dataclass, field

from chatune_core.learning.canary import CanaryRules
from chatune_core.learning.dataset import Rules
from chatune_core.learning.gate import GateSettings
from chatune_core.learning.measuring import FAST as QUICK
from chatune_core.learning.measuring import Thoroughness
from chatune_core.learning.recipe import Recipe

_BRISK = Recipe(
    epochs=1, rows_per_step=8, mismatched_rows=2, learning_rate=1e-3, tokens_per_batch=512
)
"""Each row once, in many small steps: most of what there is to learn in a third of the time."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of everything that takes time.

    people: who teach the model. questions: that they ask, `answers` rated to each.
    corrects: the share of bad answers that they correct.
    tokens: of an answer at most. nonsense: from how many votes without sense the model is taught.
    judges: other people, who talk to the canary; `talks` in a round, for `rounds` at most.
    fresh: questions that nobody asked, on which before and after are compared.
    """

    # Many who say little: what is held back is of some of them, and how sure the gate is hangs on how many.
    people: int = 70
    questions: int = 110
    answers: int = 4
    corrects: float = 0.5
    tokens: int = 56
    rules: Rules = field(default_factory=lambda: Rules(least_rows=200, holdout=0.35))
    recipe: Recipe = field(default_factory=lambda: _BRISK)
    nonsense: int = 80
    gate: GateSettings = field(default_factory=GateSettings)
    thoroughness: Thoroughness = QUICK
    judges: int = 40
    talks: int = 40
    rounds: int = 8
    share: float = 0.5
    # These people want answers of less than half the usual length; by default that is an alarm.
    canary: CanaryRules = field(default_factory=lambda: CanaryRules(shortest=0.1))
    fresh: int = 48


FULL = Scale()
FAST = Scale(
    people=60,
    questions=50,
    tokens=48,
    rules=Rules(least_rows=100, holdout=0.4),
    # Fewer votes to judge by are less sure: here one of a hundred models that learned nothing may pass.
    gate=GateSettings(confidence=0.98),
    nonsense=40,
    fresh=24,
)
