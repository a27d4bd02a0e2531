"""Long responses a second: `or1 eval rescore` against Math-Verify, taking turns in one run.

`python -m benchmarks.scoring`. 30 problems with whole numbers from 0 to 999, 32 responses each, as avg@32 on
AIME has them: a chain of thought of 32,000 tokens (112,000 characters, with boxes inside it), then a short
answer; of four responses two are right, one is wrong and one has a wrong answer that is an expression. or1
reads the responses from their file, judges them in a pool of two workers, lets them vote and writes the
sorted results. Math-Verify, which would read all of the thinking, is given what follows it, of every
`--peer-every + 1`th response, and its time is scaled up. Both sides have to find the same share right.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

from benchmarks._graders import math_verify
from benchmarks._timing import Spread, machine, say, say_json
from or1 import assemble
from or1.evals.benchmark import load_benchmark, load_protocol
from or1.evals.pipeline import judge
from or1.evals.questions import Questions, load_questions
from or1.evals.results import RESPONSES, RESULTS, EvalFolder, ResponseRow, ResultRow, read, write
from or1.evals.settings import EvalRunConfig
from or1.types import Finish

NUM_PROBLEMS, NUM_SAMPLES = 30, 32
NUM_CHARACTERS = 112_000
"""Of the thinking: 3.5 a token [characters]."""
TARGET_S = 10.0
"""Wall time for all 960 on two cores [s]."""
_WORDS = (
    "so",
    "the",
    "remainder",
    "of",
    "$x^2+1$",
    "is",
    "$\\frac{3}{7}$",
    "wait,",
    "check",
    "\\boxed{12}",
    "again",
)


class _Blind:
    """Looks away."""

    def begin(self, phase: str, benchmark: str, num_missing: int) -> None: ...

    def seen(self, row: ResponseRow | ResultRow) -> None: ...


def problems(folder: Path, generator: random.Random) -> Questions:
    """Problems with whole numbers as golds."""
    file = folder / "problems.jsonl"
    rows = [
        {"problem": f"Problem {n}", "answer": str(generator.randint(0, 999))} for n in range(NUM_PROBLEMS)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_questions(load_benchmark("aime25"), load_protocol("reference"), data=[str(file)])


def responses(asked: Questions, generator: random.Random) -> list[ResponseRow]:
    """The responses, all different."""
    rows = []
    for one in asked.asked:
        gold = int(str(one.problem.gold))
        for sample in range(NUM_SAMPLES):
            thinking = " ".join(generator.choices(_WORDS, k=NUM_CHARACTERS // 9))[:NUM_CHARACTERS]
            wrong = gold + generator.randint(1, 50)
            answer = (str(gold), f"{gold}", str(wrong), f"\\frac{{{2 * wrong + 1}}}{{2}}")[sample % 4]
            text = f"<think>\n{thinking}\n</think>\nThe answer is $\\boxed{{{answer}}}$."
            row = {"benchmark": asked.benchmark.name, "problem": one.key, "sample": sample}
            rows.append(
                ResponseRow(
                    **row,
                    prompt_hash=one.prompt_hash,
                    finish=Finish.STOP,
                    num_tokens=32_000,
                    text=text,
                    generation_s=0.0,
                )
            )
    return rows


def score_ours(folder: EvalFolder, asked: Questions) -> tuple[float, float]:
    """Wall seconds from file to file, and the share that is right."""
    settings = EvalRunConfig.model_validate({"model": {"path": "none"}, "verify": {"num_workers": 2}})
    started = time.perf_counter()
    with assemble.benchmark_pool(settings) as pool:
        judge(pool, [asked], folder, _Blind(), afresh=True)
    seconds = time.perf_counter() - started
    results = list(read(folder.path / RESULTS, ResultRow))
    if len(results) != NUM_PROBLEMS * NUM_SAMPLES:
        raise RuntimeError(f"{len(results)} results")
    return seconds, sum(row.reward == 1.0 for row in results) / len(results)


def score_theirs(asked: Questions, rows: list[ResponseRow], every: int) -> tuple[float, float]:
    """Seconds for all, from those for a part, and the share that is right."""
    golds = {one.key: str(one.problem.gold) for one in asked.asked}
    part = rows[:: every + 1]  # every + 1: all four kinds of answers, `every` being a multiple of four
    started = time.perf_counter()
    right = [math_verify(golds[row.problem], row.text.rpartition("</think>")[2]) for row in part]
    return (time.perf_counter() - started) * len(rows) / len(part), sum(right) / len(right)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--peer-every", type=int, default=4)
    chosen = arguments.parse_args()
    at_start = machine()
    generator = random.Random(0)
    times: dict[str, list[float]] = {"or1": [], "math-verify": []}
    with tempfile.TemporaryDirectory() as work:
        asked = problems(Path(work), generator)
        rows = responses(asked, generator)
        name = asked.benchmark.name
        with EvalFolder.open(Path(work) / "eval", {}, [asked], {name: NUM_SAMPLES}, {}) as folder:
            write(folder.path / RESPONSES, rows)
            for _ in range(chosen.repeats):
                mine, right = score_ours(folder, asked)
                theirs, their_right = score_theirs(asked, rows, chosen.peer_every)
                if abs(right - 0.5) > 1e-9 or abs(their_right - 0.5) > 0.02:
                    raise RuntimeError(
                        f"half are right; or1 finds {right:.3f}, Math-Verify {their_right:.3f}"
                    )
                times["or1"].append(mine)
                times["math-verify"].append(theirs)
    spreads = {side: Spread.of(values) for side, values in times.items()}
    best = min(times["or1"])
    say(f"960 responses of 32k tokens: or1 {best:.1f} s at best, target {TARGET_S:.0f} s")
    say(f"Math-Verify, on the answers without their thinking: {min(times['math-verify']):.1f} s")
    figures = {side: spread.to_json() for side, spread in spreads.items()}
    say_json(
        {"benchmark": "scoring", "machine": at_start, "seconds": figures, "meets_target": best < TARGET_S}
    )


if __name__ == "__main__":
    main()
