"""An answer is read once and compared exactly once, whichever way it is judged."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from builders import make_problem, verdict_of
from or1_verify.answer import read_answer
from or1_verify.math import MathVerifier, verifier
from or1_verify.math.compare import compare, compare_exactly
from or1_verify.pool import ProcessVerifierPool
from or1_verify.types import Outcome, Problem, Verdict

GOLD, ANSWER = r"\sqrt{2}+\sqrt{3}", r"\sqrt{5+2\sqrt{6}}"
"""Equal, but only by numbers: the way that passes every step."""
PROBLEM = make_problem(GOLD)
TEXT = f"<think>hm</think> So \\boxed{{{ANSWER}}}."


def test_one_response_passes_each_step_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def count(name: str, function: Callable[..., object]) -> None:
        def counted(*args: object) -> object:
            calls.append(name)
            return function(*args)

        monkeypatch.setattr(verifier, name, counted)

    count("read_answer", read_answer)
    count("compare_exactly", compare_exactly)
    count("compare", compare)
    assert MathVerifier().verify(PROBLEM, TEXT).outcome is Outcome.RIGHT
    assert calls == ["read_answer", "compare_exactly", "compare"]


@dataclass(frozen=True)
class Noted(MathVerifier):
    """Appends a line to a file for each step: its name and the process that runs it."""

    file: str = ""

    def read(self, text: str) -> str | Verdict:
        self._note("read")
        return super().read(text)

    def decide(self, problem: Problem, answer: str) -> Verdict | None:
        self._note("decide")
        return super().decide(problem, answer)

    def compute(self, problem: Problem, answer: str) -> Verdict:
        self._note("compute")
        return super().compute(problem, answer)

    def _note(self, step: str) -> None:
        with Path(self.file).open("a") as lines:
            lines.write(f"{step} {os.getpid()}\n")


def test_a_pool_reads_and_decides_here_and_computes_in_a_worker(tmp_path: Path) -> None:
    noted = Noted(file=str(tmp_path / "steps"), time_limit_s=30.0)
    with ProcessVerifierPool({"math": noted}, num_workers=1, time_limit_s=30.0) as pool:
        verdict = verdict_of(pool, PROBLEM, TEXT)
        (worker,) = pool.worker_pids()
    assert verdict.outcome is Outcome.RIGHT
    parent = os.getpid()
    steps = Path(noted.file).read_text().splitlines()
    assert steps == [f"read {parent}", f"decide {parent}", f"compute {worker}"]
