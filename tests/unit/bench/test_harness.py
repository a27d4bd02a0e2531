"""The harness of the benchmarks: equal work, fair pairing, answers that survive a noisy worker."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._timing import Spread, UnequalWorkError, WithLogprobs, alternate, rate, speedup
from benchmarks._worker import Order, Spec, Worker, WorkerError
from benchmarks._workload import Workload, WorkProblem, digest, make_workload, skewed_lengths


def workload(num_problems: int = 3, group_size: int = 4, cap: int = 16) -> Workload:
    problems = [
        WorkProblem(id=str(n), task="arithmetic", messages=[], gold=n, prompt_tokens=[n, n + 1])
        for n in range(num_problems)
    ]
    return make_workload("model", problems, group_size=group_size, cap=cap)


@dataclass
class FakeSide:
    """Does the work, or what `does` says instead, and writes down when it was asked."""

    name: str
    work: Workload
    calls: list[str]
    does: dict[str, Any] = field(default_factory=dict)

    def go(self, order: Order) -> dict[str, Any]:
        self.calls.append(self.name)
        prompts = digest([asked.prompt_tokens for asked in self.work.problems])
        lengths_NM = self.work.lengths_NM(order.case)
        return {"seconds": len(self.calls), "lengths_NM": lengths_NM, "prompt_digest": prompts} | self.does


def test_skewed_lengths_worked() -> None:
    # quantiles .1 .3 .5 .7 .9 have z = -1.2816 -.5244 0 .5244 1.2816; 8 * 8^(z / 1.2816)
    assert sorted(skewed_lengths(5, 64, seed=1)) == [1, 3, 8, 19, 64]


@given(count=st.integers(16, 600), cap=st.integers(64, 4096), seed=st.integers(0, 9))
def test_the_longest_is_the_cap_and_eight_medians(count: int, cap: int, seed: int) -> None:
    lengths = skewed_lengths(count, cap, seed)
    assert max(lengths) == cap
    assert min(lengths) >= 1
    # an even count has its median between two quantiles
    assert median(lengths) == pytest.approx(cap / 8, rel=0.03, abs=1)
    assert sorted(lengths) == sorted(skewed_lengths(count, cap, seed + 1)), (
        "the tail must not depend on the seed"
    )


@pytest.mark.parametrize(("count", "cap"), [(1, 64), (8, 15)])
def test_too_little_for_a_tail_is_refused(count: int, cap: int) -> None:
    with pytest.raises(ValueError, match="long tail"):
        skewed_lengths(count, cap, seed=1)


def test_a_workload_survives_its_file(tmp_path: Path) -> None:
    before = workload()
    before.write(tmp_path / "w.json")
    assert Workload.read(tmp_path / "w.json") == before
    assert before.num_response_tokens("capped") == 3 * 4 * 16
    # each of the 4 rollouts of a group has its own copy of the 2 prompt tokens
    assert before.num_sequence_tokens("capped") == 3 * 4 * (16 + 2)


def test_the_order_of_the_sides_turns_round_and_warmups_are_not_counted() -> None:
    work, calls = workload(), list[str]()
    sides = [FakeSide("a", work, calls), FakeSide("b", work, calls)]
    done = alternate(sides, "capped", work, repeats=3, warmups=1)
    assert "".join(calls) == "baabbaab"
    assert [figures["seconds"] for figures in done["a"]] == [3, 6, 7]
    assert [figures["seconds"] for figures in done["b"]] == [4, 5, 8]


def test_the_same_number_of_tokens_in_other_responses_is_other_work() -> None:
    work, calls = workload(), list[str]()
    swapped = [list(reversed(lengths_M)) for lengths_M in work.skewed_NM]
    assert sum(map(sum, swapped)) == work.num_response_tokens("skewed")
    assert swapped != work.skewed_NM
    side = FakeSide("a", work, calls, {"lengths_NM": swapped})
    with pytest.raises(UnequalWorkError, match="a sampled"):
        alternate([side], "skewed", work, repeats=1, warmups=0)


def test_other_prompts_are_other_work_even_in_a_warmup() -> None:
    work, calls = workload(), list[str]()
    side = FakeSide("a", work, calls, {"prompt_digest": digest([[1], [2]])})
    with pytest.raises(UnequalWorkError, match="prompts"):
        alternate([side], "capped", work, repeats=1, warmups=1)
    assert len(calls) == 1


def test_ratios_are_taken_within_a_repeat() -> None:
    ours = [{"seconds": s} for s in (1.0, 2.0, 4.0)]
    peer = [{"seconds": s} for s in (8.0, 2.0, 4.0)]
    # median 4 over median 2 would say 2 times, on a machine that was only busy during one repeat
    assert speedup(ours, peer) == Spread(1.0, 1.0, 8.0)


def test_rates_and_their_text() -> None:
    spread = rate([{"update_s": 2.0}, {"update_s": 4.0}, {"update_s": 1.0}], 100, "update_s")
    assert spread == Spread(50.0, 25.0, 100.0)
    assert f"{spread:7.1f}" == "   50.0 (25.0 to 100.0)"


def spec(**options: Any) -> Spec:
    return Spec(workload="none", dtype="float32", threads=1, options={"dies_at": None, **options})


def start(tmp_path: Path, settings: Spec) -> Worker:
    module = "tests.unit.bench.echo_worker"
    return Worker("echo", Path(sys.executable), module, settings, tmp_path / "echo.log")


def test_a_worker_answers_whatever_else_it_prints(tmp_path: Path) -> None:
    with start(tmp_path, replace(spec(), clock="cpu")) as worker:
        assert worker.facts == {"dtype": "float32", "clock": "cpu"}
        assert worker.go(Order(case="skewed")) == {"case": "skewed", "logprobs": False, "threads": "1"}
        assert WithLogprobs(worker, "b").go(Order(case="capped"))["logprobs"] is True
    log = (tmp_path / "echo.log").read_text()
    assert log.count("a C library too") == 2
    assert "a library says hello" in log


def test_a_worker_that_dies_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with start(tmp_path, spec(dies_at="skewed")) as worker:
        assert worker.go(Order(case="capped"))["case"] == "capped"
        with pytest.raises(WorkerError, match=r"echo gave no answer(.|\n)*out of luck"):
            worker.go(Order(case="skewed"))
        with pytest.raises(WorkerError, match="echo gave no answer"):
            worker.go(Order(case="capped"))


def test_a_worker_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="No module named"):
        Worker("none", Path(sys.executable), "benchmarks.no_such_side", spec(), tmp_path / "none.log")
