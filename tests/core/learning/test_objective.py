"""What a step minimises, part by part, against the formulas written out."""

import pytest
import torch

from chatune_core.learning.batches import make_batch
from chatune_core.learning.objective import Objective, Seen
from chatune_core.learning.policy import Policy
from chatune_core.learning.recipe import Recipe
from chatune_core.learning.reference import Reference
from chatune_core.learning.rows import RowId
from chatune_core.learning.tokens import Compared, Example, Rated, TokenRow
from fakes.learned import recipe
from fakes.tiny_models import write_model

# peft asks transformers 5 for a name that it renamed.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

CPU = torch.device("cpu")
GOOD = TokenRow((7, 9, 30, 41, 2), 3)
BAD = [TokenRow((7, 9, 30, 42 + n, 2), 3) for n in range(3)]
CHOSEN, REJECTED = TokenRow((7, 9, 31, 50, 51, 2), 3), TokenRow((7, 9, 31, 52, 2), 3)
EXAMPLES: list[Example] = [
    Rated(RowId("good"), GOOD, True),
    *(Rated(RowId(f"bad {n}"), row, False) for n, row in enumerate(BAD)),
    Compared(RowId("pair"), CHOSEN, REJECTED),
]
ROWS = [GOOD, *BAD, CHOSEN, REJECTED]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    base = write_model(tmp_path_factory.mktemp("models") / "llama", "llama")
    return Policy(base, 4, 8, 0, CPU, torch.float32)


def objective(policy: Policy, settings: Recipe) -> Objective:
    # The base is said to find each answer unlikelier by 0.1 to 0.6 nats than it does.
    away = torch.arange(1, 7) / 10
    return Objective(
        policy,
        EXAMPLES,
        Reference(likelihoods(policy) - away, torch.zeros(2)),
        BAD[:2],
        [],
        [],
        settings,
    )


def likelihoods(policy: Policy) -> torch.Tensor:
    batch = make_batch(ROWS, CPU)
    with torch.no_grad():
        return batch.per_row(policy.log_likelihoods(batch))


def test_thumbs_are_weighed_by_kind_and_pairs_count_once(policy: Policy) -> None:
    made = objective(policy, recipe(beta=0.5, anchor=0.0))

    found = made.preferences(range(5), torch.tensor(0.15), Seen()).item()

    good = 4 / 2 * (1 - sigmoid(0.5 * (0.1 - 0.15)))
    bad = sum(4 / 6 * (1 - sigmoid(0.5 * (0.15 - away))) for away in (0.2, 0.3, 0.4))
    pair = -torch.tensor(sigmoid(0.5 * (0.5 - 0.6))).log().item()
    assert found == pytest.approx(good + bad + pair, abs=1e-4)


def sigmoid(value: float) -> float:
    return torch.tensor(value).sigmoid().item()


def test_the_anchor_is_the_mean_likelihood_of_liked_and_chosen_answers(policy: Policy) -> None:
    without = objective(policy, recipe(anchor=0.0)).preferences(range(5), torch.zeros(()), Seen())
    with_it = objective(policy, recipe(anchor=0.3)).preferences(range(5), torch.zeros(()), Seen())

    found = likelihoods(policy)
    expected = -0.3 * (found[0] / 2 + found[4] / 3).item()
    assert (with_it - without).item() == pytest.approx(expected, abs=1e-4)


def test_what_is_seen_are_rewards_and_who_is_on_the_right_side(policy: Policy) -> None:
    seen = Seen()

    objective(policy, recipe(beta=0.5)).preferences(range(5), torch.tensor(0.25), seen)

    assert (
        seen.right == 1
    )  # of the bad ones only the first is below 0.25; the good one is not above
    assert (seen.good, seen.bad) == (2, 4)
    expected = 0.5 * ((0.1 + 0.5) / 2 - (0.2 + 0.3 + 0.4 + 0.6) / 4)
    assert seen.margin == pytest.approx(expected, abs=1e-4)
    assert seen.tokens == sum(len(row.tokens) for row in ROWS)
    assert seen.padding == 6 * 6 - seen.tokens


def test_chat_is_held_to_the_base_only_where_the_recipe_asks_for_it(policy: Policy) -> None:
    rows = Reference(likelihoods(policy), torch.zeros(2))
    without, with_it = (
        Objective(policy, EXAMPLES, rows, BAD[:2], [], [GOOD], recipe(chat_replay=weight))
        for weight in (0.0, 0.5)
    )

    assert without.chat_divergence(0, Seen()) is None
    found = with_it.chat_divergence(0, seen := Seen())
    assert found is not None
    assert found.item() == pytest.approx(0.0, abs=1e-5)  # a new LoRA is no change
    assert seen.tokens == len(GOOD.tokens)
    assert with_it.divergence(0, Seen()) is None


def test_the_reference_point_remembers_the_steps_before(policy: Policy) -> None:
    batch = make_batch(BAD[:2], CPU)
    with torch.no_grad():
        base = batch.per_row(policy.log_likelihoods(batch)) - torch.tensor([1.0, 3.0])
    rows = Reference(likelihoods(policy), base)
    made = Objective(policy, EXAMPLES, rows, BAD[:2], [], [], recipe(mismatched_rows=2))

    assert made.reference_point(1, before=5.0).item() == pytest.approx(0.8 * 5 + 0.2 * 2, abs=1e-4)
