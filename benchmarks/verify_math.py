"""Verdicts a second on one core: `or1_verify.math` against Math-Verify, taking turns in one run.

`python -m benchmarks.verify_math`. Two cases: *integers* (right and wrong ones, boxed in a short text) and
*math500* (the golds of MATH-500 against answers made from them, `_math_pairs`). No cache on either side, no
pool: one process that judges one response after another. Math-Verify runs with its defaults. Both sides have
to give a verdict on every response; how often they agree with the label stands beside the speed.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable, Sequence

from benchmarks._graders import math_verify, ours
from benchmarks._math_pairs import Pair, math_golds, pairs
from benchmarks._timing import Spread, machine, say, say_json

Judge = Callable[[str, str], bool]
SIDES: dict[str, Judge] = {"or1": ours, "math-verify": math_verify}


def integers(num: int, seed: int) -> list[Pair]:
    """Integers of up to six digits, every other answer wrong."""
    generator = random.Random(seed)
    found = []
    for number in range(num):
        gold = generator.randint(-999, 999_999)
        answer = gold if number % 2 == 0 else gold + generator.choice((-10, -1, 1, 2, 100))
        found.append(Pair(str(gold), str(answer), answer == gold, "integer"))
    return found


def perturbed(num: int, seed: int) -> list[Pair]:
    """A sample of the wrong and right answers made from the golds of MATH-500."""
    made = list(pairs(math_golds("math500.json"), seed))
    return random.Random(seed).sample(made, min(num, len(made)))


def timed(judge: Judge, cases: Sequence[Pair]) -> tuple[float, list[bool]]:
    """Processor seconds for all cases, and the verdicts."""
    responses = [(case.gold, f"So the answer is $\\boxed{{{case.answer}}}$.") for case in cases]
    gc.collect()
    started = time.process_time()
    verdicts = [judge(gold, response) for gold, response in responses]
    return time.process_time() - started, verdicts


def compare(name: str, cases: Sequence[Pair], repeats: int) -> dict[str, object]:
    """Alternate the sides and say rates and ratio; different verdicts in two repeats end the benchmark."""
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    verdicts: dict[str, list[bool]] = {}
    for turn in range(-1, repeats):  # the first is a warm-up
        for side in SIDES if turn % 2 == 0 else reversed(SIDES):
            took, found = timed(SIDES[side], cases)
            if found != verdicts.setdefault(side, found):
                raise RuntimeError(f"{side} changed its mind between two repeats")
            if turn >= 0:
                seconds[side].append(took)
    rates = {side: Spread.of([len(cases) / took for took in times]) for side, times in seconds.items()}
    ratio = Spread.of(
        [theirs / mine for mine, theirs in zip(seconds["or1"], seconds["math-verify"], strict=True)]
    )
    labels = [case.is_right for case in cases]
    figures: dict[str, object] = {"cases": len(cases), "speedup": ratio.to_json()}
    for side, rate in rates.items():
        agree = sum(a == b for a, b in zip(labels, verdicts[side], strict=True)) / len(cases)
        say(f"{name:9} {side:12} {rate:8.0f} answers/s   agrees with the label on {100 * agree:.1f} %")
        figures[side] = {"answers_per_s": rate.to_json(), "agreement": round(agree, 4)}
    say(f"{name:9} speed-up {ratio:.1f}")
    return figures


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=5)
    arguments.add_argument("--num", type=int, default=1000, help="responses of each case")
    arguments.add_argument("--seed", type=int, default=0)
    chosen = arguments.parse_args()
    at_start = machine()
    figures = {
        "integers": compare("integers", integers(chosen.num, chosen.seed), chosen.repeats),
        "math500": compare("math500", perturbed(chosen.num, chosen.seed), chosen.repeats),
    }
    say_json({"benchmark": "verify_math", "machine": at_start, **figures})


if __name__ == "__main__":
    main()
