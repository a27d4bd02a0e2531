"""A whole RL step (rollout, reward, update): or1 against TRL's GRPOTrainer.

    python -m benchmarks.step_vs_trl                        or: make bench-step

Both sides start from the same weights, sample the same number of tokens in every response of the same
prompts, run the same verifier on every response, and train on every response with one optimizer update:
token mean over the batch, group standard deviation, no KL, an entropy bonus. Every group has a signal, so
no side leaves work out. The sides live in one run and take turns; peak memory is that of each side's own
process.

The update's share of the machine's matmul peak is the arithmetic that the update needs (nothing padded,
nothing computed twice) over what torch's matrix product reaches in the same dtype on the same threads,
measured in turn with the sides.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._flops import workload_flops
from benchmarks._problems import arithmetic_workload
from benchmarks._timing import Spread, alternate, machine, peak, rate, say, say_json, speedup
from benchmarks._worker import Facts, Order, Spec, Worker
from benchmarks._workload import CASES, Case, Workload

OURS, PEER = "or1", "TRL"
DTYPES = ("float32", "bfloat16")
TARGETS: dict[Case, float] = {"capped": 2.5, "skewed": 5.0}
"""Speed of or1's step over TRL's that is aimed at, in the same dtype."""
PHASES = ("seconds", "rollout_s", "update_s")
ENTROPY_COEFFICIENT = 1e-3
LEARNING_RATE = 1e-6


@dataclass(frozen=True, slots=True)
class Measured:
    """All repeats of one case in one dtype."""

    case: Case
    dtype: str
    ours: list[Facts]
    peer: list[Facts]
    matmul_flop_per_s: list[float]
    """One measurement a repeat."""
    memory_after_load: dict[str, int]
    """side -> peak memory before the first step [bytes]."""


class MatmulBesides:
    """or1's side, with the machine's matmul peak measured right after each of its steps."""

    def __init__(self, side: Worker, matmul: Worker) -> None:
        self.name = side.name
        self._side, self._matmul = side, matmul

    def go(self, order: Order) -> Facts:
        figures = self._side.go(order)
        return {**figures, **self._matmul.go(order)}


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    with tempfile.TemporaryDirectory(prefix="or1-bench-") as folder:
        workload = arithmetic_workload(
            args.model, num_problems=args.num_problems, group_size=args.group_size, cap=args.cap
        )
        path = Path(folder) / "workload.json"
        workload.write(path)
        say(describe(args, workload))
        report: dict[str, Any] = {"benchmark": "step_vs_trl", "machine": machine(), "settings": vars_of(args)}
        for case in args.cases:
            measured = [measure(args, workload, path, case, dtype) for dtype in args.dtypes]
            report[case] = {m.dtype: summarise(m, workload) for m in measured}
            report[case]["best_dtype"] = best_dtype(measured)
    say_json(report)
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="benchmarks.step_vs_trl",
    )
    parser.add_argument("--model", default="builtin:tiny", help="Hugging Face folder")
    parser.add_argument("--num-problems", type=int, default=16)
    parser.add_argument("--group-size", type=int, default=16)
    parser.add_argument("--cap", type=int, default=256, help="longest response [tokens]")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warmups", type=int, default=2)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--max-running", type=int, default=512, help="responses that or1 decodes at once")
    parser.add_argument("--trl-rows", type=int, default=64, help="responses in one of TRL's forward passes")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--trl-python", type=Path, default=Path(sys.executable))
    return parser.parse_args(argv)


def vars_of(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that a figure depends on; not where things lie."""
    return {key: value for key, value in vars(args).items() if not isinstance(value, Path) and key != "model"}


def describe(args: argparse.Namespace, workload: Workload) -> str:
    num = args.num_problems * args.group_size
    sums = ", ".join(
        f"{case} {workload.num_response_tokens(case)} response tokens "
        f"({workload.num_sequence_tokens(case)} with prompts)"
        for case in CASES
    )
    return (
        f"{args.num_problems} problems x {args.group_size} = {num} responses -> 1 update, "
        f"{args.threads} threads\n"
        f"{sums}"
    )


def measure(args: argparse.Namespace, workload: Workload, path: Path, case: Case, dtype: str) -> Measured:
    """Start both sides afresh, so that peak memory is this case's, and let them take turns."""
    say(f"\n{case}, {dtype}: {args.repeats} repeats, alternating")
    common = {"case": case, "entropy_coefficient": ENTROPY_COEFFICIENT, "learning_rate": LEARNING_RATE}
    here = Path(sys.executable)

    def start(name: str, python: Path, module: str, options: dict[str, Any]) -> Worker:
        spec = Spec(
            workload=str(path),
            dtype=dtype,
            threads=args.threads,
            clock=args.clock,
            options={**common, **options},
        )
        worker = stack.enter_context(
            Worker(name, python, module, spec, path.with_name(f"{name}-{case}-{dtype}.log"))
        )
        say(f"  {dict(worker.facts)}")
        return worker

    with contextlib.ExitStack() as stack:
        ours = start(OURS, here, "benchmarks.ours.step", {"max_running": args.max_running})
        peer = start(
            PEER, args.trl_python, "benchmarks.peers.trl_step", {"rows_per_microbatch": args.trl_rows}
        )
        matmul = start("matmul", here, "benchmarks.ours.matmul", {})
        done = alternate(
            [MatmulBesides(ours, matmul), peer], case, workload, repeats=args.repeats, warmups=args.warmups
        )
        return Measured(
            case=case,
            dtype=dtype,
            ours=done[OURS],
            peer=done[PEER],
            matmul_flop_per_s=[figures["flop_per_s"] for figures in done[OURS]],
            memory_after_load={w.name: w.facts["memory_after_load_bytes"] for w in (ours, peer)},
        )


def summarise(m: Measured, workload: Workload) -> dict[str, Any]:
    """Print one table and return it."""
    tokens = workload.num_response_tokens(m.case)
    flops = workload_flops(workload, m.case)
    out: dict[str, Any] = {"response_tokens": tokens, "update_flop": flops}
    for name, figures in ((OURS, m.ours), (PEER, m.peer)):
        speeds = {phase: rate(figures, tokens, phase) for phase in PHASES}
        # the fastest product of the run is the peak: a slower one was disturbed
        shares = Spread.of([flops / done["update_s"] / max(m.matmul_flop_per_s) for done in figures])
        memory = {"peak_bytes": peak(figures), "after_load_bytes": m.memory_after_load[name]}
        out[name] = {
            "tokens_per_s": {phase: speed.to_json() for phase, speed in speeds.items()},
            "update_share_of_matmul_peak": shares.to_json(),
            "memory": memory,
        }
        say(
            f"  {name:4s} step {speeds['seconds']:.0f} tokens/s | rollout {speeds['rollout_s']:.0f} | "
            f"update {speeds['update_s']:.0f}, {shares:.1%} of matmul peak | "
            f"peak memory {memory['peak_bytes'] / 1e6:.0f} MB (loaded {memory['after_load_bytes'] / 1e6:.0f})"
        )
    ratios = {phase: speedup(m.ours, m.peer, phase) for phase in PHASES}
    out["speedup"] = {phase: ratio.to_json() for phase, ratio in ratios.items()}
    out["memory_ratio"] = peak(m.ours) / peak(m.peer)
    out["matmul_flop_per_s"] = max(m.matmul_flop_per_s)
    target = TARGETS[m.case]
    say(
        f"  or1 over TRL: step {ratios['seconds']:.2f}x, aim {target:g}x: "
        f"{'met' if ratios['seconds'].median >= target else 'missed'} | rollout {ratios['rollout_s']:.2f}x | "
        f"update {ratios['update_s']:.2f}x | memory {out['memory_ratio']:.2f}x, aim at most 1 | "
        f"matmul peak {out['matmul_flop_per_s'] / 1e9:.0f} GFLOP/s"
    )
    return out


def best_dtype(measured: Sequence[Measured]) -> dict[str, Any]:
    """Each side in the dtype in which its step was faster."""

    def typical(figures: Sequence[Facts]) -> float:
        return median(float(done["seconds"]) for done in figures)

    ours = min(measured, key=lambda m: typical(m.ours))
    peer = min(measured, key=lambda m: typical(m.peer))
    ratios = {phase: speedup(ours.ours, peer.peer, phase) for phase in PHASES}
    say(
        f"  best dtype, or1 ({ours.dtype}) over TRL ({peer.dtype}): step {ratios['seconds']:.2f}x | "
        f"rollout {ratios['rollout_s']:.2f}x | update {ratios['update_s']:.2f}x"
    )
    return {
        "or1_dtype": ours.dtype,
        "peer_dtype": peer.dtype,
        "memory_ratio": peak(ours.ours) / peak(peer.peer),
        **{phase: ratio.to_json() for phase, ratio in ratios.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
