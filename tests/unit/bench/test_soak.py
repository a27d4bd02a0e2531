"""The verdicts on a long run: flat, growing, and too noisy to tell."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks.soak import NUM_BLOCKS, Sample, Series, growth, sample, series_of, tree, verdict

START = Sample(pid=1, step=1, unix_s=0.0, cpu_s=0.0, memory_bytes=400 << 20, descriptors=20, threads=8)


def run_of(num: int = 1_001, leak_bytes: int = 0, slower: float = 0.0) -> list[Sample]:
    """Samples of a run with 10 steps between them, of 0.2 s processor time and 0.4 s wall time a step.

    Args:
        num: samples.
        leak_bytes: memory that each step keeps [bytes].
        slower: processor time added to each step by each step before it [s].
    """
    noise = random.Random(3)
    samples, cpu_s = [], 0.0
    for index in range(num):
        step = 10 * index
        cpu_s += 10 * (0.2 + slower * step) * (1 + noise.uniform(-0.05, 0.05))
        memory = START.memory_bytes + leak_bytes * step + noise.randrange(1 << 20)
        samples.append(replace(START, step=step, unix_s=0.4 * step, cpu_s=cpu_s, memory_bytes=memory))
    return samples


def words(samples: list[Sample]) -> dict[str, str]:
    return {name: verdict(series)[0] for name, series in series_of(samples).items()}


def test_a_steady_run_is_flat_in_every_series() -> None:
    assert set(words(run_of()).values()) == {"flat"}


def test_a_leak_of_ten_kilobytes_a_step_grows() -> None:
    found = words(run_of(leak_bytes=10_000))
    assert found.pop("memory") == "grows"
    assert set(found.values()) == {"flat"}


def test_a_step_that_becomes_slower_grows() -> None:
    found = words(run_of(slower=2e-6))  # 0.2 s at the start, 0.22 s after 10,000 steps
    assert found["processor time"] == "grows"
    assert found["memory"] == "flat"


def test_one_more_descriptor_every_thousand_steps_grows() -> None:
    samples = [replace(each, descriptors=20 + each.step // 1_000) for each in run_of()]
    assert words(samples)["descriptors"] == "grows"


def test_a_warm_up_of_a_tenth_is_left_out() -> None:
    samples = [replace(s, memory_bytes=s.memory_bytes // (1 + (s.step < 1_000))) for s in run_of()]
    assert words(samples)["memory"] == "flat"


def test_noise_alone_is_open_and_not_flat() -> None:
    noise = random.Random(5)
    series = Series("s/step", 0.05, True, [noise.uniform(0.1, 1.0) for _ in range(NUM_BLOCKS)])
    assert verdict(series)[0] == "open"


def test_the_interval_is_that_of_least_squares() -> None:
    # residuals -0.4, 0.2, 0.8, -0.6 around 1.9 + 0.8 x; error of the slope sqrt(0.6 / 5); t(2) = 4.303
    found = growth([1.5, 2.9, 4.3, 3.7])
    assert found.mean == pytest.approx(2.4)
    assert found.high - found.mean == pytest.approx(3 * 4.303 * (0.6 / 5) ** 0.5, rel=2e-3)


def test_too_short_a_run_says_so() -> None:
    with pytest.raises(SystemExit, match="30 samples up to step 290 are too few for 20 blocks"):
        series_of(run_of(30))


def test_a_process_tree_is_counted_with_its_children() -> None:
    code = "import os, subprocess, sys; subprocess.run(['sleep', '60'], stdin=subprocess.PIPE)"
    with subprocess.Popen(
        [sys.executable, "-c", f"print(flush=True); {code}"], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = sample(child.pid, 7)
        while found is not None and found.threads < 2:  # until the child of the child runs
            found = sample(child.pid, 7)
        assert found is not None
        assert (found.step, found.threads, found.pid) == (7, 2, child.pid)
        for pid in tree(child.pid):
            os.kill(pid, 9)
