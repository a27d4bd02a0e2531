"""A small evaluation on fakes: three word problems, judged exactly as real ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from or1.evals.benchmark import Benchmark, load_benchmark, load_protocol
from or1.evals.pipeline import generate, judge
from or1.evals.questions import Questions, load_questions
from or1.evals.results import EvalFolder
from or1.testing import InlineVerifierPool, Scripted, ScriptedEngine
from or1.types import Problem, Sampling, WeightHandle
from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.math import MathVerifier

ROWS = [
    {"problem": "One?", "answer": "1", "source": "easy"},
    {"problem": "Two?", "answer": "2", "source": "easy"},
    {"problem": "Half?", "answer": "\\frac{1}{2}", "source": "hard"},
]
SAMPLING = Sampling(temperature=1.0, max_response_tokens=60, seed=7)
SETTINGS = {
    "model": {"path": "m"},
    "protocol": {"name": "reference", "about": "", "source": ""},
    "sampling": {"temperature": 1.0, "top_p": 1.0, "top_k": None, "max_response_tokens": 60, "seed": 7},
}
ENVIRONMENT = {
    **{"or1_version": "0", "commit": "c0ffee", "python": "3", "processor": "p", "packages": {"numpy": "2"}},
    "engine": "scripted",
}

Said = Callable[[str, int], str | Scripted]
"""(question, sample index) -> response."""


class Silent:
    """Displays nothing and remembers."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, dict[str, int]]] = []
        self.advanced: list[tuple[str, int]] = []

    def start(self, name: str, num_samples: Mapping[str, int]) -> None:
        self.begun.append((name, dict(num_samples)))

    def advance(self, problem: str, num_tokens: int) -> None:
        self.advanced.append((problem, num_tokens))

    def decoded(self, num_tokens: int) -> None:
        pass


def questions(folder: Path, rows: Sequence[dict[str, Any]] = ROWS, name: str = "math500") -> Questions:
    """The rows as a benchmark, each problem with its own key."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps({"unique_id": f"p{n}", **row}) + "\n" for n, row in enumerate(rows)))
    return load_questions(load_benchmark(name), load_protocol("reference"), data=[str(file)])


def engine(said: Said, asked: Questions, **settings: Any) -> ScriptedEngine:
    """Says what `said` says, and by the problem's text, whatever id the sample is asked for under."""
    texts = {one.key: one.question for one in asked.asked}

    def script(problem: Problem, index: int) -> Scripted:
        assert index == 0, "each sample is asked for as a problem of its own"
        key, _, sample = problem.id.rpartition("/")
        line = said(texts[key], int(sample))
        return Scripted(line) if isinstance(line, str) else line

    made = ScriptedEngine(script, **settings)
    made.load(WeightHandle(version=0, ref=None))
    return made


def pool(block: int = 1) -> InlineVerifierPool:
    verifiers = {"math": MathVerifier(), "process": ArithmeticVerifier()}
    return InlineVerifierPool(verifiers, block=block)


def opened(folder: Path, asked: Questions, k: int, settings: dict[str, Any] | None = None) -> EvalFolder:
    return EvalFolder.open(folder, settings or SETTINGS, [asked], {asked.benchmark.name: k}, ENVIRONMENT)


def play(folder: Path, asked: Questions, said: Said, k: int = 2, **settings: Any) -> int:
    """Generate and judge what is missing; samples lost."""
    with opened(folder, asked, k) as eval_folder:
        lost = generate(engine(said, asked, **settings), [asked], eval_folder, SAMPLING, Silent())
        judge(pool(), [asked], eval_folder, Silent())
    return lost


def without_times(file: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return [{k: v for k, v in row.items() if not k.endswith("_s")} for row in rows]


def benchmark_of(**fields: Any) -> Benchmark:
    return Benchmark.model_validate({"name": "b", "task": "math", **fields})
