"""Sentences as vectors."""

import subprocess
import sys

import numpy as np
import pytest

from chatune_core.embedding.sentences import SentenceEncoder


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder.open()


def test_what_means_the_same_is_nearer_than_what_does_not(encoder: SentenceEncoder) -> None:
    meat, vegan, train = encoder.vectors(
        ["I do not eat any animal products.", "I am vegan.", "The train to Leeds is late."]
    )

    assert meat @ vegan > 0.4
    assert abs(meat @ train) < 0.2


def test_every_text_has_a_vector_of_length_one(encoder: SentenceEncoder) -> None:
    vectors = encoder.vectors(["", " ", "😀", "\ud83d", "שלום", "a" * 100_000, "long text " * 500])

    assert vectors.shape == (7, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_no_texts_have_no_vectors(encoder: SentenceEncoder) -> None:
    assert encoder.vectors([]).shape == (0, 384)


def test_a_text_has_the_same_vector_alone_and_among_others(encoder: SentenceEncoder) -> None:
    texts = ["I like tea.", "My brother lives in Oslo and my sister in Rome.", "long text " * 500]

    together = encoder.vectors(texts)

    for text, vector in zip(texts, together, strict=True):
        assert vector == pytest.approx(encoder.vectors([text])[0], abs=1e-4)


def test_importing_it_does_not_load_torch() -> None:
    program = "import sys, chatune_core.embedding.sentences; print('torch' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
