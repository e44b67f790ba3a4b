"""The integer form of a weight: when it is chosen, how exact it is, that rows do not mix."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from chatune_core.generation.linears import IntegerLinear, Linear, pack_int8
from chatune_core.generation.packing import (
    LinearMaker,
    Many,
    PackedStore,
    WeightForm,
    many_rows,
    packed_file,
)

OUTPUTS, INPUTS = 48, 96


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def integer_linear(bias: Tensor | None = None) -> tuple[IntegerLinear, Tensor]:
    """Return a linear and the weight that its integers and scales stand for."""
    packed, scales = pack_int8(numbers(OUTPUTS, INPUTS))
    return IntegerLinear(packed, scales, bias), packed.float() * scales.float().unsqueeze(1)


@pytest.mark.parametrize(
    ("features", "form"),
    [
        ({"avx512_vnni": True, "amx_bf16": False, "avx512_bf16": False}, "integer"),
        ({"avx512_vnni": True, "amx_bf16": False, "avx512_bf16": True}, "integer"),
        ({"avx512_vnni": True, "amx_bf16": True, "avx512_bf16": True}, "unpacked"),
        ({"avx512_vnni": False, "amx_bf16": False}, "unpacked"),
        ({}, "unpacked"),
    ],
)
def test_many_rows_are_multiplied_as_integers_where_there_is_vnni_and_no_amx(
    features: dict[str, object], form: str
) -> None:
    assert many_rows(features) == form


@pytest.mark.parametrize("rows", [1, 7, 33])
def test_integers_give_the_product_of_the_8_bit_weight_to_one_part_in_a_thousand(
    rows: int,
) -> None:
    bias = numbers(OUTPUTS, seed=2)
    linear, weight = integer_linear(bias)
    # One input in a hundred is large, as activations of language models are.
    x = numbers(rows, INPUTS, seed=1)
    x[:, 5] *= 40

    product = linear(x)

    expected = x @ weight.T + bias
    assert product.shape == (rows, OUTPUTS)
    assert (product - expected).norm() < 0.001 * expected.norm()


def test_8_bits_of_the_input_give_the_product_to_two_parts_in_a_hundred() -> None:
    packed, scales = pack_int8(numbers(OUTPUTS, INPUTS))
    x = numbers(9, INPUTS, seed=1)

    product = IntegerLinear(packed, scales, fine=False)(x)

    expected = x @ (packed.float() * scales.float().unsqueeze(1)).T
    assert (product - expected).norm() < 0.02 * expected.norm()


def test_integers_answer_in_the_type_that_they_are_asked_in() -> None:
    linear, weight = integer_linear()
    x = numbers(3, INPUTS, seed=1).bfloat16()

    product = linear(x)

    expected = x.float() @ weight.T
    assert product.dtype == torch.bfloat16
    assert (product.float() - expected).norm() < 0.01 * expected.norm()


def test_a_row_of_integers_is_the_same_whatever_stands_beside_it() -> None:
    linear, _ = integer_linear()
    x = numbers(20, INPUTS, seed=1)
    x[3] *= 1000

    together = linear(x)

    assert all(torch.equal(linear(x[row : row + 1])[0], together[row]) for row in range(20))


def test_a_row_of_zeros_stays_one() -> None:
    linear, _ = integer_linear()

    assert not linear(torch.zeros(2, INPUTS)).any()


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_row_that_is_not_a_number_stays_so_and_spoils_no_other(broken: float) -> None:
    linear, _ = integer_linear()
    x = numbers(3, INPUTS, seed=1)
    good = linear(x)
    x[1, 7] = broken

    product = linear(x)

    assert torch.equal(product[[0, 2]], good[[0, 2]])
    assert not product[1].isfinite().any()


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("many", ["packed", "unpacked", "integer"])
def test_every_form_multiplies_few_rows_and_many_and_comes_back_from_its_file(
    tmp_path: Path, bits: int, many: Many
) -> None:
    weight = numbers(OUTPUTS, INPUTS)
    form = WeightForm(bits, many)
    file = packed_file(tmp_path, tmp_path, form)

    def made() -> tuple[Linear, Linear]:
        store = PackedStore(file)
        maker = LinearMaker(form, store, torch.float32, torch.device("cpu"))
        linears = (
            maker.linear("0.down", (OUTPUTS, INPUTS), lambda: weight),
            maker.head((OUTPUTS, INPUTS), lambda: weight),
        )
        store.save()
        return linears

    first, again = made(), made()

    for linear, same in zip(first, again, strict=True):
        for rows in (2, 40):
            x = numbers(rows, INPUTS, seed=1)
            expected = x @ weight.T
            assert (linear(x) - expected).norm() < 0.12 * expected.norm()
            assert torch.equal(linear(x), same(x))


def test_a_file_that_lacks_a_weight_is_completed_and_loses_none(tmp_path: Path) -> None:
    made: list[str] = []

    def ask(*names: str) -> None:
        store = PackedStore(tmp_path / "packed" / "weights.safetensors")
        for name in names:
            store.get(name, lambda name=name: made.append(name) or pack_int8(numbers(4, 8)))  # type: ignore[misc, func-returns-value]
        store.save()

    ask("one")
    ask("one", "two")
    ask("two", "one")

    assert made == ["one", "two"]


def test_forms_of_the_same_model_do_not_share_a_file(tmp_path: Path) -> None:
    forms = [WeightForm(4), WeightForm(8), WeightForm(4, "integer"), WeightForm(8, "integer")]

    assert len({packed_file(tmp_path, tmp_path, form) for form in forms}) == len(forms)
