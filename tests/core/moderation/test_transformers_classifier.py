"""A sequence classifier of Hugging Face: tiny random ones, made on the fly."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer
from transformers.models.bert import BertConfig
from transformers.models.roberta import RobertaConfig

from chatune_core.errors import ConfigurationError
from chatune_core.moderation.in_thread import TextClassifier
from chatune_core.moderation.transformers_classifier import TransformersClassifier
from chatune_core.moderation.verdicts import Category

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "fine", "vile", "words"]


def folder_with(tmp_path: Path, labels: list[str], config: Any = BertConfig, **more: Any) -> Path:  # noqa: ANN401
    torch.manual_seed(1)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    shape |= {"intermediate_size": 16, "vocab_size": len(WORDS), "pad_token_id": 0}
    shape |= {"max_position_embeddings": 34 if config is RobertaConfig else 32}
    names = {"id2label": dict(enumerate(labels)), "label2id": {n: i for i, n in enumerate(labels)}}
    made = config(**shape, **names, initializer_range=2.0, **more)
    model = AutoModelForSequenceClassification.from_config(made)  # type: ignore[no-untyped-call]
    model.save_pretrained(tmp_path)
    _tokenizer(tmp_path)
    return tmp_path


def _tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 32}
    (folder / "tokenizer_config.json").write_text(json.dumps(named | kind))


def reference(folder: Path, text: str) -> torch.Tensor:
    """The logits of one text, computed as the library's own guide does."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits: torch.Tensor = model(**tokenizer(text, return_tensors="pt")).logits[0]
    return logits


def test_labels_that_exclude_each_other_share_one(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ["neutral", "hate", "spam"])
    classifier: TextClassifier = TransformersClassifier.open(str(folder), {})

    scores = classifier.scores(["fine words", "vile", ""])

    for text, found in zip(["fine words", "vile", ""], scores, strict=True):
        expected = reference(folder, text).softmax(-1)
        assert found[Category.HATE] == pytest.approx(expected[1].item(), abs=1e-5)
        assert found[Category.SPAM] == pytest.approx(expected[2].item(), abs=1e-5)


def test_independent_labels_are_read_by_the_sigmoid(tmp_path: Path) -> None:
    kind = "multi_label_classification"
    folder = folder_with(tmp_path, ["toxicity", "threat"], problem_type=kind)

    [found] = TransformersClassifier.open(str(folder), {}).scores(["vile words"])

    expected = reference(folder, "vile words").sigmoid()
    assert found[Category.HARASSMENT] == pytest.approx(expected[0].item(), abs=1e-5)
    assert found[Category.VIOLENCE] == pytest.approx(expected[1].item(), abs=1e-5)


@pytest.mark.parametrize("config", [BertConfig, RobertaConfig])
def test_a_long_text_has_the_highest_score_of_its_windows(tmp_path: Path, config: Any) -> None:  # noqa: ANN401
    folder = folder_with(tmp_path, ["neutral", "hate"], config)
    classifier = TransformersClassifier.open(str(folder), {})
    long = " ".join(["fine"] * 200 + ["vile"] + ["words"] * 200)

    [whole] = classifier.scores([long])

    parts = [["fine"] * 30, ["words"] * 30]
    found = [one[Category.HATE] for one in classifier.scores([" ".join(part) for part in parts])]
    assert whole[Category.HATE] >= max(found) - 1e-5


def test_a_text_has_the_same_scores_alone_and_among_others(tmp_path: Path) -> None:
    classifier = TransformersClassifier.open(str(folder_with(tmp_path, ["neutral", "hate"])), {})
    texts = ["fine", "vile " * 25, "words vile", ""] * 10

    together = classifier.scores(texts)

    for text, found in zip(texts, together, strict=True):
        [alone] = classifier.scores([text])
        assert found[Category.HATE] == pytest.approx(alone[Category.HATE], abs=1e-5)


def test_a_megabyte_of_text_takes_a_bounded_number_of_windows(tmp_path: Path) -> None:
    classifier = TransformersClassifier.open(str(folder_with(tmp_path, ["neutral", "hate"])), {})

    [found] = classifier.scores(["vile words " * 90_000])

    assert 0 <= found[Category.HATE] <= 1


def test_labels_with_no_meaning_are_refused_until_they_have_one(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ["LABEL_0", "LABEL_1"])

    with pytest.raises(ConfigurationError, match=r"LABEL_0, LABEL_1.*classifier\.labels"):
        TransformersClassifier.open(str(folder), {})

    meant = TransformersClassifier.open(str(folder), {"label_1": Category.SPAM})
    assert set(meant.scores(["vile"])[0]) == {Category.SPAM}


def test_what_is_no_classifier_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ["neutral", "hate"])
    AutoModel.from_pretrained(folder).save_pretrained(folder)

    with pytest.raises(ConfigurationError, match="is no sequence classifier"):
        TransformersClassifier.open(str(folder), {})


@pytest.mark.parametrize("model", ["/nowhere/at/all", "nobody/has-this-model"])
def test_a_model_that_is_not_there_is_one_clear_line(model: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"cannot be loaded.*moderation\.classifier\.model"
    ):
        TransformersClassifier.open(model, {})
