"""Whether a long run keeps its memory, descriptors and step time.

    python -m benchmarks.soak                    (`make soak`: 10,000 steps, about an hour on an idle machine)
    python -m benchmarks.soak --judge            (the figures of the steps that have run)

The built-in recipe with 8 short rollouts a step, with evaluations and checkpoints, and a learning rate near
zero: each step has the same work, so a trend of the step time is one of the program and not of the lengths of
responses. The process tree is sampled from /proc every few seconds.

The first tenth of the steps is warm-up. The others form 20 blocks; through the mean of each block a line is
fitted, and its growth over all of them has a 95 % interval (Student's t, 18 degrees of freedom; blocks are
taken as independent). A series is flat if the whole interval is within its tolerance: noise never passes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from statistics import fmean, linear_regression

from benchmarks._timing import machine, say, say_json
from benchmarks.sandbox import tree_cpu_s
from or1.evals.statistics import Estimate, t_quantile
from or1.storage.jsonl import encode, read_rows

NUM_BLOCKS, WARM_UP = 20, 0.1
SMALL = (
    *("data.max_difficulty=1", "data.num_problems=512", "optimizer.learning_rate=1e-9"),
    *(f"stages.{stage}.{size}" for stage in (0, 1) for size in ("num_problems=2", "group_size=4")),
    *("stages.0.max_response_tokens=40", "stages.1.max_response_tokens=40"),
    *("stages.1.num_steps=1", "stages.0.switch=null", "tracking.rollouts_keep=100"),
    *("evaluation.num_problems=8", "evaluation.samples_per_problem=1", "evaluation.every=100"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The run's process tree at one moment: `cpu_s` with reaped children."""

    pid: int
    step: int
    unix_s: float
    cpu_s: float
    memory_bytes: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Series:
    """A measured quantity by block, and the growth over all blocks that still counts as flat."""

    unit: str
    tolerance: float
    is_relative: bool
    values: Sequence[float]


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in tree(int(child)))]


def memory_bytes(pid: int) -> int:
    """Pages of a process without a file, in proportion [bytes]: its share of the pages of a library grows
    when another program that uses it ends."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def sample(pid: int, step: int) -> Sample | None:
    """The state of a process tree; None if one of its processes ended meanwhile."""
    try:
        pids = tree(pid)
        return Sample(
            pid=pid,
            step=step,
            unix_s=time.time(),
            cpu_s=tree_cpu_s(pid),
            memory_bytes=sum(memory_bytes(member) for member in pids),
            descriptors=sum(len(list(Path(f"/proc/{member}/fd").iterdir())) for member in pids),
            threads=sum(len(list(Path(f"/proc/{member}/task").iterdir())) for member in pids),
        )
    except (FileNotFoundError, ProcessLookupError):
        return None


def growth(values: Sequence[float]) -> Estimate:
    """Growth of the fitted line from the first block to the last, with its 95 % interval.

    >>> growth([1.0, 2.0, 3.0, 4.0])
    Estimate(mean=3.0, low=3.0, high=3.0)
    """
    places = range(len(values))
    slope, intercept = linear_regression(places, values)
    centre = fmean(places)
    squares = sum(
        (value - intercept - slope * place) ** 2 for place, value in zip(places, values, strict=True)
    )
    error = (squares / (len(values) - 2) / sum((place - centre) ** 2 for place in places)) ** 0.5
    span = len(values) - 1
    half = t_quantile(len(values) - 2) * error * span
    return Estimate(slope * span, slope * span - half, slope * span + half)


def blocks(samples: Sequence[Sample]) -> list[list[Sample]]:
    """The samples after the warm-up in blocks of equally many steps.

    Raises:
        SystemExit: a block would have fewer than two samples.
    """
    first, last = samples[0].step, samples[-1].step
    start = first + WARM_UP * (last - first)
    width = (last - start) / NUM_BLOCKS
    found: list[list[Sample]] = [[] for _ in range(NUM_BLOCKS)]
    for row in samples:
        if row.step >= start and width:
            found[min(int((row.step - start) / width), NUM_BLOCKS - 1)].append(row)
    if min(map(len, found)) < 2:
        sys.exit(f"{len(samples)} samples up to step {last} are too few for {NUM_BLOCKS} blocks: run longer")
    return found


def series_of(samples: Sequence[Sample]) -> Mapping[str, Series]:
    """Every judged quantity by block."""
    parts = blocks(samples)

    def per_step(of: str) -> list[float]:
        value = attrgetter(of)
        ends = [(part[0], part[-1]) for part in parts]
        return [(value(end) - value(start)) / max(end.step - start.step, 1) for start, end in ends]

    def level(of: str) -> list[float]:
        return [fmean(map(attrgetter(of), part)) for part in parts]

    return {
        "memory": Series("MiB", 0.05, True, [value / 2**20 for value in level("memory_bytes")]),
        "descriptors": Series("descriptors", 1.0, False, level("descriptors")),
        "threads": Series("threads", 1.0, False, level("threads")),
        "processor time": Series("s/step", 0.05, True, per_step("cpu_s")),
        "wall time": Series("s/step", 0.05, True, per_step("unix_s")),
    }


def verdict(series: Series) -> tuple[str, Estimate]:
    """flat, grows, falls, or open where the interval holds both flat and not, and the growth in `unit`."""
    found = growth(series.values)
    tolerance = series.tolerance * (fmean(series.values) if series.is_relative else 1.0)
    if -tolerance <= found.low and found.high <= tolerance:
        return "flat", found
    if found.low > 0:
        return "grows", found
    return ("falls" if found.high < 0 else "open"), found


def judge(samples: Sequence[Sample]) -> bool:
    """Print each series with its verdict; whether all are flat."""
    report = {}
    for name, series in series_of(samples).items():
        word, found = verdict(series)
        level = fmean(series.values)
        report[name] = {"verdict": word, "mean": level, "growth": asdict(found), "unit": series.unit}
        shown = f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
        say(f"{name:15} {word:6} mean {level:.3f} {series.unit}, growth over all blocks {shown}")
    steps = samples[-1].step
    say(f"{steps} steps in {samples[-1].unix_s - samples[0].unix_s:.0f} s")
    say_json({"steps": steps, "series": report, "machine": machine()})
    return all(entry["verdict"] == "flat" for entry in report.values())


def num_rows(path: Path) -> int:
    """Whole lines of a file; 0 before it exists."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def soak(folder: Path, num_steps: int, every_s: float) -> int:
    """Start the run and sample it until it ends; its exit status."""
    settings = (*SMALL, f"stages.0.num_steps={num_steps - 1}", f"max_empty_steps={num_steps}")
    words = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "or1", "train", "tiny", "--out", str(folder / "run"), *words]
    folder.mkdir(parents=True)
    with (folder / "train.log").open("wb") as log, (folder / "process.jsonl").open("ab") as rows:
        child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        while child.poll() is None:
            time.sleep(every_s)
            step = num_rows(folder / "run/metrics.jsonl")
            taken = sample(child.pid, step) if step else None
            if taken is not None:
                rows.write(encode(asdict(taken)))
                rows.flush()
    return child.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000, help="steps of the run, 10000 unless given")
    parser.add_argument("--out", type=Path, default=Path("build/soak"), help="folder of run and samples")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between samples, 5 unless given")
    parser.add_argument("--judge", action="store_true", help="start nothing: judge the samples in --out")
    args = parser.parse_args()
    if not args.judge:
        if args.out.exists():
            sys.exit(f"{args.out} exists: remove it, or judge its samples with --judge")
        if status := soak(args.out, args.steps, args.every):
            sys.exit(f"the run ended with status {status}: see {args.out / 'train.log'}")
    samples = [Sample(**row) for row in read_rows(args.out / "process.jsonl")]
    if len(samples) < 2:
        sys.exit(f"{args.out / 'process.jsonl'} has {len(samples)} samples: run longer")
    sys.exit(0 if judge(samples) else 1)


if __name__ == "__main__":
    main()
