"""Hold memory to its benchmark: what is found of what was said, beside four baselines; invariants; the gate; scale.

    python benchmarks/memory.py --bench FOLDER --data FOLDER [--split public] [--system NAME_OR_PLUGIN ...]
    python benchmarks/memory.py --scale

FOLDER of `--bench` holds `run.py`, `systems.py` and `invariants.py`, that of `--data` a folder of rows for each split.
A system is the name of a baseline, `chatune`, `chatune-words` (without the embedding model), or a file: any plug-in with
`build` and `retrieve`.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CHATUNE = HERE / "memory_plugin.py"
WORDS_ALONE = "chatune-words"
SYSTEMS = ("bm25", "minilm", "rrf", "convex", "chatune", WORDS_ALONE)
COLUMNS = (
    ("LoCoMo turns", "locomo_turns", "ALL", "r10", 70),
    ("of them multi-hop", "locomo_turns", "multi_hop", "r10", 42),
    ("LoCoMo facts", "locomo_facts", "ALL", "r10", None),
    ("LoCoMo sessions", "locomo_sessions", "ALL", "r10", None),
    ("preference, explicit", "pref_explicit", "ALL", "r10", 86),
    ("preference, choice turn", "pref_choice_turn", "ALL", "r10", 86),
    ("preference, in a persona's talk", "pref_persona_turn", "ALL", "r10", None),
    ("same topic, R@5", "pref_same_topic", "ALL", "r5", 58),
    ("LoCoMo-Plus", "locomo_plus", "ALL", "r10", 25),
)
"""Of the table: its name, task, category and measure in the results, and what we hold ourselves to."""
Results = dict[tuple[str, str], Mapping[str, Any]]


def ran(system: str, bench: Path, data: Path, script: str, *arguments: str, cache: Path) -> str:
    """Return what a script of the benchmark prints of a system, on one thread."""
    alone = {"CHATUNE_WORDS_ALONE": "1"} if system == WORDS_ALONE else {}
    done = subprocess.run(
        [sys.executable, str(HERE / "memory_harness.py"), str(bench), script, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "BENCH_DATA": str(data),
            "TMPDIR": str(cache),
            "OMP_NUM_THREADS": "1",
            **alone,
        },
    )
    return done.stdout


def _name(system: str) -> str:
    """Return what the benchmark calls a system: a baseline's name or a file."""
    return str(CHATUNE) if system in ("chatune", WORDS_ALONE) else system


def results_of(
    system: str, bench: Path, data: Path, split: str, tasks: Sequence[str], cache: Path
) -> Results:
    out = cache / "results.json"
    chosen = ("--task", *tasks) if tasks else ()
    ran(system, bench, data, "run.py", "--system", _name(system), "--split", split, "--out", str(out), *chosen,
        cache=cache)  # fmt: skip
    return {(row["task"], row["cat"]): row for row in json.loads(out.read_text())["rows"]}


def table(results: Mapping[str, Results]) -> str:
    """Return the results as a table in Markdown, a row for each task."""
    lines = [["R@10, per cent", *results, "held to"], ["---"] * (len(results) + 2)]
    for name, task, category, measure, goal in COLUMNS:
        found = [rows.get((task, category)) for rows in results.values()]
        cells = [f"{100 * row[measure]:.1f}" if row else "-" for row in found]
        if any(found):
            lines.append([name, *cells, str(goal or "")])
    everything = [
        [row["q_ms_p95"] for row in rows.values() if row["cat"] == "ALL"]
        for rows in results.values()
    ]
    lines.append(["slowest task's p95, ms", *(f"{max(found):.1f}" for found in everything), "25"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def gate_line(file: Path, seen: bool) -> str:
    from chatune_core.memory.gate import WriteGate

    gate = WriteGate.open()
    with gzip.open(file) as opened:
        rows = json.load(opened)
    started = time.process_time()
    fired = [gate.worth_remembering(row["text"]) for row in rows]
    each = (time.process_time() - started) / len(rows) * 1e3
    right = sum(bool(row["y"]) and fires for row, fires in zip(rows, fired, strict=True))
    precision, recall = right / max(1, sum(fired)), right / sum(row["y"] for row in rows)
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    note = "; the rows it was trained on, see train_memory_gate.py for others" if seen else ""
    return (
        f"write gate: precision {precision:.1%}, recall {recall:.1%}, F1 {f1:.1%}, "
        f"{each:.3f} ms of one core a message{note}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold memory to its benchmark.")
    parser.add_argument("--bench", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--split", default="public")
    parser.add_argument("--system", nargs="*", default=list(SYSTEMS))
    parser.add_argument("--task", nargs="*", default=[])
    parser.add_argument("--cache", type=Path, help="keep what the baselines encode in this folder")
    parser.add_argument("--scale", action="store_true", help="measure many memories instead")
    parser.add_argument("--of-a-person", type=int, default=10_000)
    parser.add_argument("--in-all", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="write what the table was made from")
    asked = parser.parse_args()
    if asked.scale:
        return _scale(asked.of_a_person, asked.in_all, asked.json)
    for name, folder, file in (
        ("--bench", asked.bench, "run.py"),
        ("--data", asked.data, f"{asked.split}/locomo.json.gz"),
    ):
        if folder is None or not (folder / file).is_file():
            print(f"{name} needs the folder with {file}, which does not come with Chatune; "
                  f"got {str(folder)!r}.", file=sys.stderr)  # fmt: skip
            return 2
    systems = [name if name in SYSTEMS else str(Path(name).resolve()) for name in asked.system]
    bench, data = asked.bench.resolve(), asked.data.resolve()
    results: dict[str, Results] = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = (asked.cache or Path(folder)).resolve()
        for system in systems:
            print(f"{system} ...", file=sys.stderr, flush=True)
            results[system] = results_of(system, bench, data, asked.split, asked.task, cache)
        print(table(results))
        for system in systems:
            said = ran(system, bench, data, "invariants.py", _name(system), cache=cache).strip()
            print(said.replace(str(CHATUNE), system))
    print(gate_line(data / asked.split / "salience.json.gz", seen=asked.split == "public"))
    if asked.json:
        rows = {name: list(found.values()) for name, found in results.items()}
        asked.json.write_text(json.dumps(rows, indent=1))
    return 0


def _scale(of_a_person: int, in_all: int, json_file: Path | None) -> int:
    import torch
    from memory_scale import as_lines, measured

    from chatune_core.embedding.sentences import SentenceEncoder

    torch.set_num_threads(1)
    scale = measured(SentenceEncoder.open(), of_a_person, in_all)
    print("\n".join(as_lines(scale)))
    if json_file:
        json_file.write_text(json.dumps(asdict(scale), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
