"""A sequence classifier of Hugging Face, in this process. Loads torch when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatune_core.errors import ConfigurationError
from chatune_core.moderation.labels import Labels, by_category, category_of

if TYPE_CHECKING:
    from torch import Tensor

    from chatune_core.moderation.verdicts import Category

BATCH = 16
"""Windows computed at once, which bounds memory whatever the number of texts."""
MOST_WINDOWS = 64
"""Windows of one text; of one with more, these lie evenly over it."""
_MOST_TOKENS = 512
_REMEDY = "Set moderation.classifier.model to a folder or an id that is in the local cache."


class TransformersClassifier:
    """Scores texts by the labels of a model; blocking, used from one thread at a time.

    A model of several labels is read as it was trained: independent labels by the sigmoid, labels
    that exclude each other by the softmax.
    """

    def __init__(self, name: str, model: Any, tokenizer: Any, labels: Labels) -> None:  # noqa: ANN401 - transformers' own types are loaded late
        """Take a model and its tokenizer as transformers loads them.

        Raises:
            ConfigurationError: none of the model's labels means one of our categories.
        """
        self.name = name
        self._model, self._tokenizer, self._labels = model.eval(), tokenizer, labels
        names = model.config.id2label
        self._names = [str(names[i]) for i in range(len(names))]
        self._independent = (
            len(self._names) == 1 or model.config.problem_type == "multi_label_classification"
        )
        self._tokens = _longest(model, tokenizer)
        if not any(category_of(label, labels) for label in self._names):
            raise ConfigurationError(
                f"The labels of {name!r} mean none of our categories: {', '.join(self._names)}.",
                "Say what they mean in [moderation.classifier.labels].",
            )

    @classmethod
    def open(
        cls, model: str, labels: Labels, device: str = "cpu", *, fetch: bool = False
    ) -> TransformersClassifier:
        """Load `model`, a folder or a Hugging Face id; `fetch` allows a download.

        No code of the model's repository is run.

        Raises:
            ConfigurationError: it is not there, or is no sequence classifier.
        """
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        where = str(Path(model).expanduser()) if Path(model).expanduser().is_dir() else model
        try:
            tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=not fetch)
            loaded, report = AutoModelForSequenceClassification.from_pretrained(
                where, local_files_only=not fetch, output_loading_info=True
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigurationError(
                f"The moderation model {model!r} cannot be loaded: {reason}", _REMEDY
            ) from error
        if report["missing_keys"]:
            # The library would fill them with random numbers and only warn.
            raise ConfigurationError(
                f"The moderation model {model!r} is no sequence classifier.", _REMEDY
            )
        revision = getattr(loaded.config, "_commit_hash", None) or "local"
        return cls(f"{model}@{revision[:12]}", loaded.to(device), tokenizer, labels)

    def scores(self, texts: Sequence[str]) -> list[dict[Category, float]]:
        """Return scores by category; a long text has the highest of its windows."""
        windows = [(i, window) for i, text in enumerate(texts) for window in self._windows(text)]
        best = [[0.0] * len(self._names) for _ in texts]
        for at in range(0, len(windows), BATCH):
            some = windows[at : at + BATCH]
            for (i, _), row in zip(some, self._probabilities([w for _, w in some]), strict=True):
                best[i] = [max(pair) for pair in zip(best[i], row.tolist(), strict=True)]
        return [by_category(zip(self._names, row, strict=True), self._labels) for row in best]

    def _windows(self, text: str) -> list[list[int]]:
        windows: list[list[int]] = self._tokenizer(
            text,
            truncation=True,
            max_length=self._tokens,
            stride=self._tokens // 4,
            return_overflowing_tokens=True,
        )["input_ids"]
        if len(windows) <= MOST_WINDOWS:
            return windows
        last = len(windows) - 1
        return [windows[i * last // (MOST_WINDOWS - 1)] for i in range(MOST_WINDOWS)]

    def _probabilities(self, windows: Sequence[Sequence[int]]) -> Tensor:
        import torch

        padded = self._tokenizer.pad({"input_ids": windows}, return_tensors="pt")
        with torch.inference_mode():
            logits: Tensor = self._model(**padded.to(self._model.device)).logits.float()
        return logits.sigmoid() if self._independent else logits.softmax(-1)


def _longest(model: Any, tokenizer: Any) -> int:  # noqa: ANN401 - see above
    places = getattr(model.config, "max_position_embeddings", None) or _MOST_TOKENS
    # RoBERTa's positions begin after the padding index.
    spare = 2 if "roberta" in model.config.model_type else 0
    return int(min(places - spare, tokenizer.model_max_length, _MOST_TOKENS))
