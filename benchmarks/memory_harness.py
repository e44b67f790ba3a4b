"""Run a script of the memory benchmark, with Chatune's encoder in place of sentence-transformers.

    python benchmarks/memory_harness.py BENCH SCRIPT [ARGUMENT ...]

BENCH is the folder of the benchmark, SCRIPT a file in it. Its baselines ask for the same model, all-MiniLM-L6-v2,
through a library that Chatune does not install. What they encode is kept in TMPDIR for the next script.
"""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from chatune_core.embedding.sentences import SentenceEncoder


class _AsSentenceTransformer:
    def __init__(self) -> None:
        self._encoder = SentenceEncoder.open()

    def encode(
        self, texts: Sequence[str], batch_size: int = 64, **_: object
    ) -> NDArray[np.float32]:
        parts = [texts[i : i + batch_size] for i in range(0, len(texts), batch_size)]
        return np.concatenate([self._encoder.vectors(part) for part in parts])


def main() -> None:
    bench, script, *arguments = sys.argv[1:]
    torch.set_num_threads(1)
    sys.path.insert(0, bench)
    import systems  # type: ignore[import-not-found]

    systems._M = _AsSentenceTransformer()
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(str(Path(bench) / script), run_name="__main__")
    finally:
        if systems._C:
            systems.save_cache()


if __name__ == "__main__":
    main()
