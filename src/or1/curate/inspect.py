"""Content of a data set for `or1 curate show`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import xxhash

from or1.curate.curate import counts_of
from or1.curate.ledger import Counts
from or1.storage.manifest import PROBLEMS, Manifest, checked_manifest
from or1.tracking.figure import new_figure
from or1.types import Gold

NUM_BINS = 8
"""Bins of the pass rate, of equal width [bins]."""
_WIDTH = 40
"""Characters of the longest bar."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A finished data set on disk, as it was written."""

    folder: Path
    manifest: Manifest

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that hold the problems, in order."""
        return tuple(self.folder / file for file in self.manifest.files(PROBLEMS))

    @property
    def counts(self) -> Counts:
        return counts_of(self.manifest)


@dataclass(frozen=True, slots=True)
class ShownProblem:
    """One problem, shown."""

    problem_id: str
    source: str
    question: str
    gold: Gold


def read_dataset(folder: Path) -> Dataset:
    """The data set of a folder.

    Raises:
        DataError: the folder holds none that is finished, or one that was changed.
    """
    return Dataset(folder, checked_manifest(folder))


def difficulties(found: Dataset) -> dict[str, Counter[int]]:
    """Model -> problems by pass rate, in eighths: 0 is up to 1/8, 7 is from 7/8."""
    shares: dict[str, Counter[int]] = {}
    for file in found.files:
        for row in pq.read_table(file).to_pylist():
            for model, rate in _pass_rates(row).items():
                shares.setdefault(model, Counter())[min(int(rate * NUM_BINS), NUM_BINS - 1)] += 1
    return shares


def _pass_rates(row: Mapping[str, object]) -> dict[str, float]:
    if "difficulty_json" in row:
        counts = json.loads(str(row["difficulty_json"]))
        return {model: right / num for model, (right, num) in counts.items() if num}
    extra = row["extra_info"]
    assert isinstance(extra, dict), "the reference's layout has a table here"
    wrong = extra.get("model_difficulty", {})
    return {model: 1 - number / 16 for model, number in wrong.items() if number is not None}


def histogram(model: str, shares: Counter[int]) -> list[str]:
    """Problems by pass rate of one model, in characters.

    >>> print("\\n".join(histogram("m", Counter({0: 2, 7: 1}))[:2]))
    pass rate of m
    0.000 - 0.125         2  ████████████████████████████████████████
    """
    largest = max(shares.values())
    lines = [f"pass rate of {model}"]
    for bin_ in range(NUM_BINS):
        low, high = bin_ / NUM_BINS, (bin_ + 1) / NUM_BINS
        bar = "\N{FULL BLOCK}" * round(_WIDTH * shares[bin_] / largest)
        lines.append(f"{low:.3f} - {high:.3f} {shares[bin_]:>9,}  {bar}".rstrip())
    return lines


def draw_histogram(found: Dataset, path: Path) -> Path | None:
    """The histogram of every model as a picture; None if no difficulty is known.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    shares = difficulties(found)
    if not shares:
        return None
    figure = new_figure(7, 2.4 * len(shares))
    panels = figure.subplots(len(shares), 1, squeeze=False, sharex=True)
    for axis, (model, counts) in zip(panels[:, 0], sorted(shares.items()), strict=True):
        axis.bar(
            [(at + 0.5) / NUM_BINS for at in range(NUM_BINS)],
            [counts[at] for at in range(NUM_BINS)],
            0.9 / NUM_BINS,
            color="#2f6fb2",
        )
        axis.set_title(model, loc="left", fontsize=10)
        axis.set_ylabel("problems")
    panels[-1, 0].set_xlabel("pass rate")
    figure.savefig(path)
    return path


def samples(found: Dataset, num: int, seed: int) -> list[ShownProblem]:
    """Problems drawn by seed: those whose hashes come first."""
    ranked: list[tuple[bytes, ShownProblem]] = []
    for file in found.files:
        for number, row in enumerate(pq.read_table(file).to_pylist()):
            key = xxhash.xxh3_128_digest(f"{seed}/{file.name}/{number}".encode())
            ranked.append((key, _sample(row)))
        ranked = sorted(ranked, key=lambda each: each[0])[:num]
    return [sample for _, sample in ranked]


def _sample(row: Mapping[str, object]) -> ShownProblem:
    prompt = row["prompt"]
    assert isinstance(prompt, list), "both layouts have a list of messages here"
    question = str(prompt[-1]["content"])
    if "gold_json" in row:
        return ShownProblem(str(row["id"]), str(row["source"]), question, json.loads(str(row["gold_json"])))
    extra, model = row["extra_info"], row["reward_model"]
    assert isinstance(extra, dict), "the reference's layout has a table here"
    assert isinstance(model, dict), "the reference's layout has a table here"
    return ShownProblem(
        str(extra["index"]), str(row["data_source"]), question, json.loads(model["ground_truth"])
    )
