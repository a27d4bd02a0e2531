"""Are planted duplicates and planted contamination found, and clean problems left alone?

    python -m benchmarks.near_matches --data FOLDER [--half test]

Copies of 5,000 problems of MATH, changed by code from a seed, are put behind the 12,500 real ones, and the
duplicates of all looked for. Copies of benchmark problems are put among problems of GSM8K, and
contamination looked for. The problems are split in two halves: thresholds were chosen on `development` and
its perturbations, `test` has the other problems, and perturbations that were not looked at before. Real
problems that are removed are listed, for a person to judge.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import _perturb
from or1.curate.config import ContaminationConfig, CurateConfig
from or1.curate.contamination import Benchmarks
from or1.curate.funnel import find_duplicates, index_texts
from or1.curate.match import Side
from or1.curate.normal_form import tokens_of, without_drawings
from or1.curate.records import Decision
from or1.curate.sources import Protected
from or1.curate.store import READ, Store
from or1.curate.workers import ProcessWorkers

Change = Callable[[str, random.Random], str]
DUPLICATES = ("respaced", "restyled", "renamed", "10 % of words")
CONTAMINATED = ("verbatim", "respaced", "10 % of words", "20 % of words")


@dataclass(frozen=True, slots=True)
class Planted:
    """A changed copy and where it came from."""

    row: int
    origin: int
    kind: str


class Silent:
    """Nobody watches a benchmark's stages."""

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Callable[[int], None]]:
        yield lambda rows: None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="folder with math/ and gsm8k/")
    parser.add_argument("--half", choices=("development", "test"), default="test")
    parser.add_argument("--num", type=int, default=5_000, help="planted copies")
    parser.add_argument("--only", choices=("duplicates", "held-out", "contamination"), help="one part of it")
    parser.add_argument("--list", action="store_true", help="list the real problems that were removed")
    options = parser.parse_args()
    problems = [row for row in _lines(options.data / "math/MATH_12500_answers.jsonl") if row["answer"]]
    vocabulary = sorted({word for row in problems for word in re.findall(r"\b[a-z]{3,}\b", row["problem"])})
    changes: dict[str, Change] = {"verbatim": lambda text, rng: text, **_perturb.kinds(vocabulary)}
    half = ("development", "test").index(options.half)
    held_out = _perturb.held_out_kinds() if options.half == "test" else {}
    figures: dict[str, Any] = {"half": options.half}
    if options.only in ("duplicates", None):
        known = {kind: changes[kind] for kind in DUPLICATES}
        figures["duplicates"] = duplicates(problems, known, half, options.num, options.list)
    if held_out and options.only in ("held-out", None):
        figures["duplicates_held_out"] = duplicates(problems, held_out, half, options.num, False)
    if options.only in ("contamination", None):
        clean = [row["question"] for row in _lines(options.data / "gsm8k/train.jsonl")]
        planted = {**{kind: changes[kind] for kind in CONTAMINATED}, **held_out}
        figures["contamination"] = contamination(_protected(options.data, half), clean, planted, options.list)
    print(json.dumps(figures))


def duplicates(
    problems: Sequence[Mapping[str, Any]], changes: Mapping[str, Change], half: int, num: int, listed: bool
) -> dict[str, Any]:
    """Recall by kind, and the share of planted ones among all removed."""
    rng = random.Random(f"duplicates {half} {sorted(changes)}")
    origins = rng.sample([at for at in range(len(problems)) if at % 2 == half], num)
    kinds = list(changes)
    planted = [
        Planted(len(problems) + at, origin, kinds[at % len(kinds)]) for at, origin in enumerate(origins)
    ]
    rows = [{"problem": row["problem"], "answer": row["answer"]} for row in problems]
    rows += [
        {**rows[each.origin], "problem": changes[each.kind](rows[each.origin]["problem"], rng)}
        for each in planted
    ]
    found, records = _removed(rows)
    recall = _shares((each.kind, each.row in found) for each in planted)
    num_found = sum(each.row in found for each in planted)
    real = [row for row in found if row < len(problems)]
    print(f"\nplanted duplicates: {num_found} of {num} found, {len(real)} real rows removed beside them")
    for kind, share in recall.items():
        print(f"  {kind:<40}{share:.4f}")
    for row in real if listed else ():
        _print_pair(found[row], records[row])
    return {
        "recall": num_found / num,
        "by_kind": recall,
        "precision_if_all_real_ones_are_wrong": num_found / len(found),
    }


def contamination(
    protected: Sequence[Protected], clean: Sequence[str], changes: Mapping[str, Change], listed: bool
) -> dict[str, Any]:
    """Recall by kind, and the share of the clean problems that is removed."""
    benchmarks = Benchmarks(protected, ContaminationConfig())
    rng = random.Random("contamination")
    texts = [
        (kind, problem, change(problem.question, rng))
        for kind, change in changes.items()
        for problem in protected
    ]
    decided = _decided(benchmarks, [text for _, _, text in texts])
    recall = _shares((kind, number in decided) for number, (kind, _, _) in enumerate(texts))
    changed = (_perturb.renumber(without_drawings(p.question), rng) for p in protected)
    renumbered = [new for new in changed if new is not None]
    removed = _decided(benchmarks, clean)
    print(f"\nplanted contamination, {len(protected)} problems protected")
    for kind, share in recall.items():
        print(f"  {kind:<40}{share:.4f}")
    share_renumbered = len(_decided(benchmarks, renumbered)) / len(renumbered)
    print(f"  one number changed, removed all the same {share_renumbered:.4f}")
    print(f"  clean problems removed                  {len(removed)} of {len(clean)}")
    for number, decision in removed.items() if listed else ():
        print(f"    {clean[number][:150]!r}\n    {str(decision.evidence['other_text'])[:150]!r}")
    return {
        "by_kind": recall,
        "renumbered_removed": share_renumbered,
        "clean_removed": len(removed) / len(clean),
    }


def _decided(benchmarks: Benchmarks, texts: Sequence[str]) -> dict[int, Decision]:
    rows = ((number, "", Side.of(tokens_of(text))) for number, text in enumerate(texts))
    return {decision.row: decision for decision in benchmarks.decide(rows) if decision.drops}


def _removed(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[int, Decision], dict[int, dict[str, Any]]]:
    folder = Path(tempfile.mkdtemp(prefix="near-matches-"))
    try:
        file = folder / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        config = CurateConfig.model_validate(
            {"name": "planted", "sources": [{"name": "planted", "adapter": "math", "path": str(file)}]}
        )
        with Store.open(folder / "work", {}) as store:
            index_texts(config, store, {"planted": [file]}, Silent(), ProcessWorkers(config.num_workers))
            find_duplicates(config, store, Silent())
            parts = range(store.num_parts)
            stages = ("exact_duplicates", "near_duplicates")
            found = {d.row: d for stage in stages for part in parts for d in store.decisions(stage, part)}
            records = {row["row"]: row for part in parts for row in store.read(READ, part).to_pylist()}
        return found, records
    finally:
        shutil.rmtree(folder)


def _protected(data: Path, half: int) -> list[Protected]:
    questions = [row["problem"] for row in json.loads((data / "math/math500.json").read_text())]
    questions += [row["problem"] for row in json.loads((data / "math/amc83.json").read_text())]
    questions += [row["problem"] for row in _lines(data / "math/hmmt_feb_2025.jsonl")]
    return [
        Protected(benchmark="benchmark", place=str(at), question=question)
        for at, question in enumerate(questions)
        if at % 2 == half
    ]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _shares(outcomes: Iterator[tuple[str, bool]]) -> dict[str, float]:
    hits: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for kind, is_found in outcomes:
        hits[kind] += is_found
        total[kind] += 1
    return {kind: hits[kind] / number for kind, number in total.items()}


def _print_pair(decision: Decision, record: Mapping[str, Any]) -> None:
    evidence = decision.evidence
    print(
        f"  {decision.reason}, {evidence['changed_words']} words: {record['question'][:150]!r}",
        record["gold"],
    )
    print(f"      {str(evidence['other_text'])[:150]!r} {evidence['other_gold']!r}")


if __name__ == "__main__":
    main()
