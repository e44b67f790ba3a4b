"""Tiny random models with a tokenizer and a chat template, made on the fly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.gpt2 import GPT2Config
from transformers.models.llama import LlamaConfig
from transformers.models.mistral import MistralConfig
from transformers.models.qwen2 import Qwen2Config
from transformers.models.qwen3 import Qwen3Config

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n'"
    " + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
VOCABULARY = 320
_SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "eos_token_id": 2,
    "bos_token_id": 1,
    "pad_token_id": 2,
}
CONFIGS: dict[str, Callable[..., Any]] = {
    "llama": lambda **more: LlamaConfig(**(_SHAPE | more)),
    "mistral": lambda **more: MistralConfig(**(_SHAPE | more)),
    "qwen2": lambda **more: Qwen2Config(**(_SHAPE | more)),
    "qwen3": lambda **more: Qwen3Config(**(_SHAPE | {"head_dim": 32} | more)),
    "gpt2": lambda **more: GPT2Config(
        **{
            "vocab_size": VOCABULARY,
            "n_embd": 64,
            "n_layer": 3,
            "n_head": 4,
            "n_positions": 128,
            "initializer_range": 0.3,
            "eos_token_id": 2,
            "bos_token_id": 1,
            **more,
        }
    ),
}


def write_model(folder: Path, family: str, template: str | None = CHATML, **config: Any) -> Path:  # noqa: ANN401
    """Write a random model of the family to `folder` and return it."""
    torch.manual_seed(7)
    automatic: Any = AutoModelForCausalLM
    model = automatic.from_config(CONFIGS[family](**config))
    with torch.no_grad():
        # Biases and norms start at 0 and 1, where a mistake in them would not show.
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * (0.1 if "norm" in name else 0.5))
    model.save_pretrained(folder)
    write_tokenizer(folder, template)
    return folder


def write_tokenizer(folder: Path, template: str | None) -> None:
    """Write a byte-level tokenizer with the tokens of ChatML."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the user and the assistant of the system say hello"], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
    }
    if template is not None:
        settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def write_gguf(file: Path) -> Path:
    """Write a random Llama with a byte-level tokenizer as a GGUF file in Q4_1 and Q8_0 blocks."""
    import gguf

    numbers = np.random.default_rng(3)
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_name("tiny")
    writer.add_context_length(128)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(96)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(VOCABULARY)
    _add_tokenizer(writer)
    shapes = {"token_embd": (VOCABULARY, 64), "output_norm": (64,)}
    for layer in (f"blk.{index}." for index in range(2)):
        shapes |= {f"{layer}attn_norm": (64,), f"{layer}ffn_norm": (64,)}
        shapes |= {f"{layer}attn_{name}": (64, 64) for name in ("q", "output")}
        shapes |= {f"{layer}attn_{name}": (32, 64) for name in ("k", "v")}
        shapes |= {f"{layer}ffn_{name}": (96, 64) for name in ("gate", "up")}
        shapes |= {f"{layer}ffn_down": (64, 96)}
    for name, shape in shapes.items():
        values = (numbers.standard_normal(shape) * 0.3).astype(np.float32)
        if len(shape) == 1:
            writer.add_tensor(f"{name}.weight", values + 1)
            continue
        kind = (
            gguf.GGMLQuantizationType.Q8_0
            if name == "token_embd"
            else gguf.GGMLQuantizationType.Q4_1
        )
        blocks = gguf.quantize(values, kind)
        writer.add_tensor(f"{name}.weight", blocks, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _add_tokenizer(writer: Any) -> None:  # noqa: ANN401
    import gguf

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *alphabet]
    merged = ["he", "ll", "lo"]
    tokens += merged + [f"unused{n}" for n in range(VOCABULARY - len(tokens) - len(merged))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_token_types([control] * 3 + [normal] * (len(tokens) - 3))
    writer.add_token_merges(["h e", "l l", "l o"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(CHATML)


def reference(folder: Path, **options: Any) -> PreTrainedModel:  # noqa: ANN401
    """Return transformers' own model of the folder, in float32."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **options)
    loaded: PreTrainedModel = model.eval()
    return loaded


def reference_with(lora: Path, base: Path) -> Any:  # noqa: ANN401
    """Return PEFT's own model of `base` with the LoRA of a folder, in float32."""
    from peft import PeftModel

    return PeftModel.from_pretrained(reference(base), str(lora)).eval()


def write_lora(folder: Path, base: Path, seed: int, **config: Any) -> Path:  # noqa: ANN401
    """Write a random LoRA for the model in `base`, with B away from its usual zero."""
    # Here and above: it takes seconds to import, in every process that only collects the tests.
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    settings: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"} | config
    model = reference(base)
    settings["fan_in_fan_out"] = model.config.model_type == "gpt2"
    tuned: Any = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.1)
    tuned.save_pretrained(str(folder))
    return folder
