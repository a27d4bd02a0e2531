"""120,000 problems through deduplication and decontamination, beside datatrove on the same rows.

    python -m benchmarks.curate --data FOLDER [--rows 120000] [--peer .venv-datatrove/bin/python]

The rows are the problems of MATH, GSM8K, AIME and Omni-MATH, and copies of them changed by code from a seed
(respaced, restyled, renamed, 10 % of the words, and one number) until there are enough. Both sides read the
same two JSONL files on two cores, one after the other. datatrove 0.10.1 runs its MinHash pipeline as it
comes (14 buckets of 8 hashes over 5-grams); it looks for near duplicates alone, without verifying a pair, a
ledger, or decontamination, so the ratio understates what or1 does. Which of the planted copies each side
removes is printed beside the seconds.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import _perturb
from benchmarks._timing import machine, say, say_json
from benchmarks.near_matches import Silent
from or1.curate.config import CurateConfig
from or1.curate.funnel import decide_contamination, find_duplicates, index_texts
from or1.curate.sources import Protected
from or1.curate.store import Store
from or1.curate.workers import ProcessWorkers

LIMIT_S, LIMIT_BYTES = 300.0, 4 * 2**30


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=120_000)
    parser.add_argument(
        "--peer", type=Path, help="interpreter of the environment of benchmarks/peers/datatrove.txt"
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="curate-"))
    try:
        planted = _write_rows(options.data, options.rows, folder / "rows")
        figures: dict[str, Any] = {"machine": machine(), "rows": options.rows}
        figures["or1"] = _ours(options.data, folder, planted)
        if options.peer:
            figures["datatrove"] = _theirs(options.peer, folder, planted)
            figures["ratio"] = figures["datatrove"]["seconds"] / figures["or1"]["near_s"]
            say(f"near duplicates: or1 {figures['ratio']:.2f} times as fast as datatrove")
        within = figures["or1"]["seconds"] <= LIMIT_S and figures["or1"]["peak_bytes"] <= LIMIT_BYTES
        say(f"target 300 s and 4 GiB: {'reached' if within else 'missed'}")
        say_json(figures)
    finally:
        shutil.rmtree(folder)


def _write_rows(data: Path, num: int, out: Path) -> list[str]:
    """Write the rows; the kind of each, `real` or how it was made."""
    real = list(_real(data))
    vocabulary = sorted({word for row in real for word in re.findall(r"\b[a-z]{3,}\b", row["problem"])})
    changes = {k: v for k, v in _perturb.kinds(vocabulary).items() if not k.startswith("20")}
    rng = random.Random(1)
    kinds = [*changes, "renumbered"]
    rows, planted = list(real), ["real"] * len(real)
    while len(rows) < num:
        kind = kinds[len(rows) % len(kinds)]
        origin = real[len(rows) % len(real)]
        text = (
            _perturb.renumber(origin["problem"], rng)
            if kind == "renumbered"
            else changes[kind](origin["problem"], rng)
        )
        rows.append({**origin, "problem": text or origin["problem"]})
        planted.append(kind if text else "real")
    out.mkdir()
    half = (len(rows) + 1) // 2
    for number, part in enumerate((rows[:half], rows[half:])):
        lines = (json.dumps({**row, "id": str(at + number * half)}) + "\n" for at, row in enumerate(part))
        (out / f"{number}.jsonl").write_text("".join(lines), encoding="utf-8")
    return planted[:num]


def _real(data: Path) -> Iterator[dict[str, str]]:
    for line in (data / "math/MATH_12500_answers.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield {"problem": row["problem"], "answer": row["answer"] or "0"}
    for name in ("train", "test"):
        for line in (data / f"gsm8k/{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            yield {"problem": row["question"], "answer": row["answer"].rpartition("####")[2].strip()}
    for row in json.loads((data / "math/aime_1983_2023.json").read_text()):
        yield {"problem": row["problem"], "answer": str(row["answer"])}
    for line in (data / "math/omni_math_num_500.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield {"problem": row["problem"], "answer": row["answer"]}


def _ours(data: Path, folder: Path, planted: list[str]) -> dict[str, Any]:
    files = sorted((folder / "rows").glob("*.jsonl"))
    sources = [{"name": f"part{n}", "task": "math", "path": str(file)} for n, file in enumerate(files)]
    config = CurateConfig.model_validate({"name": "speed", "sources": sources})
    protected = [
        Protected(benchmark="math-500", place=str(at), question=row["problem"])
        for at, row in enumerate(json.loads((data / "math/math500.json").read_text()))
    ]
    workers = ProcessWorkers(config.num_workers)
    started = time.perf_counter()
    with Store.open(folder / "ours", {}) as store:
        index_texts(
            config,
            store,
            {source["name"]: [file] for source, file in zip(sources, files, strict=True)},
            Silent(),
            workers,
        )
        indexed = time.perf_counter()
        decide_contamination(config, store, protected, Silent(), workers)
        protected_at = time.perf_counter()
        find_duplicates(config, store, Silent())
        ended = time.perf_counter()
        stages = ("contamination", "exact_duplicates", "near_duplicates")
        gone = {
            d.row for s in stages for p in range(store.num_parts) for d in store.decisions(s, p) if d.drops
        }
    usage = [
        resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    near_s = ended - protected_at + indexed - started
    memory = f"{max(usage) / 2**20:,.0f} MiB in the largest process"
    say(f"or1        {ended - started:7.1f} s, {near_s:.1f} s of it for duplicates, {memory}")
    removed = _removed(planted, gone)
    return {"seconds": ended - started, "near_s": near_s, "peak_bytes": max(usage), "removed": removed}


def _theirs(python: Path, folder: Path, planted: list[str]) -> dict[str, Any]:
    script = Path(__file__).parent / "peers/datatrove_minhash.py"
    done = subprocess.run(
        [python, script, folder / "rows", folder / "theirs"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"the peer ended with {done.returncode}: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    kept = set()
    for file in (folder / "theirs/kept").rglob("*.jsonl.gz"):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            kept.update(int(json.loads(line)["id"]) for line in lines)
    say(f"datatrove  {figures['seconds']:7.1f} s for duplicates")
    figures["removed"] = _removed(planted, set(range(len(planted))) - kept)
    return figures


def _removed(planted: list[str], gone: set[int]) -> dict[str, float]:
    """Share of the rows of each kind that is removed; of `real` and `renumbered` ones it should be small."""
    total = Counter(planted)
    removed = Counter(planted[row] for row in gone)
    for kind, number in total.items():
        say(f"    {kind:<16}{removed[kind] / number:8.2%} of {number:,} removed")
    return {kind: removed[kind] / number for kind, number in total.items()}


if __name__ == "__main__":
    main()
