"""Mutants differ from their program by one change, and real programs keep their verdicts."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks._mutants import mutants
from benchmarks.code_verifier import SETS, canonical_cases, graded_cases, judge, report_mutants
from or1.types import Outcome
from or1_verify.code import CodeVerifier
from or1_verify.code.sandboxes import close_all

DATA = Path(__file__).parents[3] / "../shared/data/code"
needs_data = pytest.mark.skipif(
    not DATA.exists(), reason="needs ../shared/data, which is not part of the project"
)
SOURCE = '''def f(xs):
    """Count what is above two."""
    total = 0
    for x in xs:
        if x > 2:
            total += 1
    return total
'''


def test_each_kind_changes_one_thing() -> None:
    found = {mutant.kind: mutant.source for mutant in mutants(SOURCE, seed=1)}
    assert set(found) == {
        "changed_constant",
        "off_by_one",
        "flipped_comparison",
        "other_operation",
        "dropped_statement",
        "wrong_result",
    }
    assert "x >= 2" in found["off_by_one"]
    assert "x <= 2" in found["flipped_comparison"]
    assert "total -= 1" in found["other_operation"]
    assert "return None" in found["wrong_result"]
    plain = ast.unparse(ast.parse(SOURCE)).splitlines()
    for source in found.values():
        changed = [line for line in source.splitlines() if line not in plain]
        assert len(changed) == 1, source
    assert mutants(SOURCE, seed=1) == mutants(SOURCE, seed=1)


@needs_data
@pytest.mark.parametrize("name", ["humaneval", "mbpp", "leetcode", "livecodebench"])
def test_a_sample_of_real_programs_is_right(name: str) -> None:
    """Every fifteenth or so: `python -m benchmarks.code_verifier` judges them all."""
    path = DATA / SETS[name]
    cases = graded_cases(path) if name == "livecodebench" else canonical_cases(path)
    sample = cases[3 :: len(cases) // 15][:15]
    verdicts = judge(sample, CodeVerifier(time_limit_factor=3.0), 2)
    close_all()
    assert [
        case.name for case, v in zip(sample, verdicts, strict=True) if v.outcome is not Outcome.RIGHT
    ] == []


@needs_data
def test_a_sample_of_mutants_has_the_verdicts_of_plain_runs() -> None:
    cases = canonical_cases(DATA / SETS["mbpp"])[5::80]
    figures = report_mutants("mbpp", cases, 2)
    close_all()
    assert figures["mutants"] >= 15
    assert figures["agree_with_plain_run"] == 1.0
    assert figures["rejected_of_detectable"] == 1.0
