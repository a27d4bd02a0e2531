"""Compare graders of mathematical answers on the same responses: `python -m benchmarks.graders [--write
FILE]`.

Sets: answers made from the golds of MATH (`_math_pairs`), the hand-written held-out pairs, the public suite
    of Math-Verify, model solutions of ProcessBench (GSM8K part), and the human solutions of AIME 1983 to
    2023. A set whose data is not there is left out and named.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._graders import Grader, math_verify, ours, ours_unboxed, strings
from benchmarks._math_pairs import DATA, math_golds, pairs
from benchmarks._timing import say, say_json

HELDOUT = Path(__file__).parents[1] / "tests/golden/math_heldout.jsonl"


@dataclass(frozen=True, slots=True)
class Case:
    gold: str
    response: str
    is_right: bool
    how: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """What a grader did on a set."""

    num_right: int
    num_wrong: int
    paid_right: int
    paid_wrong: int
    num_failed: int
    """Cases on which the grader raised; they count as not paid."""
    seconds: float

    @property
    def agreement(self) -> float:
        return (self.paid_right + self.num_wrong - self.paid_wrong) / max(1, self.num_right + self.num_wrong)


def made(num_golds: int, seed: int) -> list[Case]:
    """Answers made from a sample of the different golds of MATH, plain integers thinned out."""
    golds = math_golds()
    generator = random.Random(seed)
    plain = [gold for gold in golds if gold.lstrip("-").isdigit()]
    other = [gold for gold in golds if not gold.lstrip("-").isdigit()]
    chosen = generator.sample(other, min(num_golds, len(other))) + generator.sample(plain, num_golds // 6)
    return [Case(p.gold, f"\\boxed{{{p.answer}}}", p.is_right, p.how) for p in pairs(chosen, seed)]


def heldout() -> list[Case]:
    rows = [json.loads(line) for line in HELDOUT.read_text(encoding="utf-8").splitlines()]
    return [Case(row["gold"], row["response"], row["outcome"] == "right") for row in rows]


def public_suite() -> list[Case]:
    lines = (DATA / "verifier/math_verify_tests.jsonl").read_text(encoding="utf-8").splitlines()
    return [Case(row["gold"], row["pred"], bool(row["expected"])) for row in map(json.loads, lines)]


def processbench() -> list[Case]:
    golds = {}
    for name in ("train", "test"):
        for line in (DATA / f"gsm8k/{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            golds[row["question"].strip()] = row["answer"].rpartition("####")[2].strip()
    rows = json.loads((DATA / "processbench/gsm8k.json").read_text(encoding="utf-8"))
    return [
        Case(golds[row["problem"].strip()], "\n".join(row["steps"]), row["final_answer_correct"])
        for row in rows
    ]


def aime_solutions() -> list[Case]:
    """Each solution against its own answer, and against the next problem's."""
    rows = json.loads((DATA / "math/aime_1983_2023.json").read_text(encoding="utf-8"))
    rows = [row for row in rows if row["solution"].count("\\boxed") == 1]
    own = [Case(str(row["answer"]), row["solution"], True) for row in rows]
    others = [
        Case(str(other["answer"]), row["solution"], False)
        for row, other in itertools.pairwise(rows)
        if int(other["answer"]) != int(row["answer"])
    ]
    return own + others


def score(grader: Grader, cases: Sequence[Case]) -> tuple[Score, list[Case]]:
    """Judge all cases; returns also those on which the grader and the label differ."""
    paid = {True: 0, False: 0}
    failed, differing = 0, []
    started = time.perf_counter()
    for case in cases:
        try:
            is_paid = grader(case.gold, case.response)
        except Exception:
            failed, is_paid = failed + 1, False
        paid[case.is_right] += is_paid
        if is_paid != case.is_right:
            differing.append(case)
    num_right = sum(case.is_right for case in cases)
    took = time.perf_counter() - started
    return Score(num_right, len(cases) - num_right, paid[True], paid[False], failed, took), differing


def study(num_golds: int, seed: int, show: int) -> dict[str, dict[str, Score]]:
    sets: dict[str, Callable[[], list[Case]]] = {
        "answers made from MATH golds": lambda: made(num_golds, seed),
        "held-out pairs": heldout,
        "Math-Verify's own tests": public_suite,
        "ProcessBench GSM8K solutions": processbench,
        "AIME solutions, own and others' answers": aime_solutions,
    }
    found: dict[str, dict[str, Score]] = {}
    for name, load in sets.items():
        try:
            cases = load()
        except FileNotFoundError as error:
            say(f"{name}: left out, {error.filename} is not there")
            continue
        is_boxed = name.startswith(("answers", "held", "AIME"))
        graders = {"or1": ours if is_boxed else ours_unboxed, "Math-Verify": math_verify, "strings": strings}
        found[name] = {}
        for grader_name, grader in graders.items():
            found[name][grader_name], differing = score(grader, cases)
            for case in differing[:show] if grader_name == "or1" else []:
                shown = f"{case.gold[-80:]!r} {case.response[-80:]!r} right: {case.is_right}"
                say(f"  or1 differs ({case.how}): {shown}")
    return found


def table(found: dict[str, dict[str, Score]]) -> list[str]:
    lines = [
        "| responses | grader | correct ones rewarded | incorrect ones rewarded | agreement | answers/s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, scores in found.items():
        for grader, s in scores.items():
            rate = (s.num_right + s.num_wrong) / s.seconds
            lines.append(
                f"| {name} | {grader} | {s.paid_right} / {s.num_right} | {s.paid_wrong} / {s.num_wrong} "
                f"| {100 * s.agreement:.1f} % | {rate:,.0f} |"
            )
    return lines


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--num-golds", type=int, default=600, help="golds of MATH that are no integers")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument(
        "--show", type=int, default=0, help="cases on which or1 and the label differ, a set"
    )
    arguments.add_argument("--write", type=Path, help="put the table into this file, between its markers")
    chosen = arguments.parse_args()
    found = study(chosen.num_golds, chosen.seed, chosen.show)
    lines = table(found)
    say("\n".join(lines))
    if chosen.write:
        write_between_markers(chosen.write, lines)
    say_json({name: {g: vars_of(s) for g, s in scores.items()} for name, scores in found.items()})


def vars_of(score: Score) -> dict[str, float]:
    return {
        "right_paid": score.paid_right,
        "right": score.num_right,
        "wrong_paid": score.paid_wrong,
        "wrong": score.num_wrong,
        "failed": score.num_failed,
        "seconds": round(score.seconds, 3),
    }


def write_between_markers(path: Path, lines: Sequence[str]) -> None:
    start, end = "<!-- graders: start -->", "<!-- graders: end -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(start)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{start}\n" + "\n".join(lines) + f"\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
