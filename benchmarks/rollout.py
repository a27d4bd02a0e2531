"""Rollout speed: or1's engine against transformers `generate` and vLLM's CPU build.

    python -m benchmarks.rollout                            or: make bench-rollout

Every side samples the same number of tokens in every response, from the same prompts with the same
weights, and is checked for it. All sides run in one benchmark and take turns. "same dtype" compares float32
with float32; "best dtype" gives each side the type in which it was faster. or1 always records
log-probability and entropy of every sampled token, transformers records nothing, vLLM is measured without
and with log-probabilities.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._problems import arithmetic_workload
from benchmarks._timing import (
    Side,
    Spread,
    WithLogprobs,
    alternate,
    machine,
    rate,
    say,
    say_json,
    speedup,
)
from benchmarks._worker import ROOT, Facts, Spec, Worker
from benchmarks._workload import CASES, Case, Workload

OURS = "or1"
DTYPES = ("float32", "bfloat16")
TARGETS: Mapping[str, Mapping[Case, float]] = {
    "transformers": {"capped": 4.0, "skewed": 8.0},
    "vllm": {"capped": 1.0, "skewed": 1.0},
}
"""Target for the speed of or1 over the peer's, in the same dtype."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a side's worker is started."""

    name: str
    module: str
    python: Path
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """All repeats of one side in one case."""

    side: str
    dtype: str
    figures: list[Facts]


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    with tempfile.TemporaryDirectory(prefix="or1-bench-") as folder, contextlib.ExitStack() as stack:
        workload = arithmetic_workload(
            args.model, num_problems=args.num_problems, group_size=args.group_size, cap=args.cap
        )
        path = Path(folder) / "workload.json"
        workload.write(path)
        say(describe(args, workload))
        sides = start_sides(args, path, Path(folder), stack)
        report: dict[str, Any] = {"benchmark": "rollout", "machine": machine(), "settings": vars_of(args)}
        for case in CASES:
            if case in args.cases:
                measured = measure(sides, case, workload, args)
                report[case] = summarise(measured, case, workload)
    say_json(report)
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="benchmarks.rollout"
    )
    parser.add_argument("--model", default="builtin:tiny", help="Hugging Face folder")
    parser.add_argument("--num-problems", type=int, default=16)
    parser.add_argument("--group-size", type=int, default=16)
    parser.add_argument("--cap", type=int, default=256, help="longest response [tokens]")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warmups", type=int, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu only without vLLM")
    parser.add_argument(
        "--max-running", type=int, default=512, help="responses decoded at once by or1 and vLLM"
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--peers", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--vllm-python", type=Path, default=ROOT / ".venv-vllm" / "bin" / "python")
    parser.add_argument("--vllm-eager", action="store_true", help="without vLLM's compilation")
    return parser.parse_args(argv)


def vars_of(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that a figure depends on; not where things lie."""
    return {key: value for key, value in vars(args).items() if not isinstance(value, Path) and key != "model"}


def describe(args: argparse.Namespace, workload: Workload) -> str:
    lengths = sorted(length for row in workload.skewed_NM for length in row)
    return (
        f"{args.num_problems} problems x {args.group_size} = {len(lengths)} responses, "
        f"{args.threads} threads\n"
        f"capped: all {args.cap} tokens, {workload.num_response_tokens('capped')} in all\n"
        f"skewed: log-normal, median {median(lengths):.0f}, longest {lengths[-1]}, "
        f"{workload.num_response_tokens('skewed')} in all"
    )


def kinds(args: argparse.Namespace) -> list[Kind]:
    here = Path(sys.executable)
    found = [Kind(OURS, "benchmarks.ours.rollout", here, {"max_running": args.max_running})]
    if "transformers" in args.peers:
        found.append(Kind("transformers", "benchmarks.peers.hf_generate", here, {"num_rows": None}))
    if "vllm" in args.peers:
        if not args.vllm_python.exists():
            raise SystemExit(
                f"no vLLM environment at {args.vllm_python}: see benchmarks/README.md, "
                "or leave it out with --peers transformers"
            )
        options = {"max_running": args.max_running, "kv_cache_gib": 1, "compiled": not args.vllm_eager}
        found.append(Kind("vllm", "benchmarks.peers.vllm_generate", args.vllm_python, options))
    return found


def start_sides(
    args: argparse.Namespace, workload_path: Path, folder: Path, stack: contextlib.ExitStack
) -> dict[tuple[str, str], Side]:
    """(side, dtype) -> worker, all started, all idle."""
    sides: dict[tuple[str, str], Side] = {}
    for kind in kinds(args):
        for dtype in args.dtypes:
            spec = Spec(
                workload=str(workload_path),
                dtype=dtype,
                threads=args.threads,
                clock=args.clock,
                options=kind.options,
            )
            name = f"{kind.name} {dtype}"
            worker = Worker(name, kind.python, kind.module, spec, folder / f"{kind.name}-{dtype}.log")
            stack.enter_context(worker)
            say(f"{name}: {dict(worker.facts)}")
            sides[kind.name, dtype] = worker
            if kind.name == "vllm":
                sides["vllm with logprobs", dtype] = WithLogprobs(worker, f"{name} with logprobs")
    return sides


def measure(
    sides: Mapping[tuple[str, str], Side], case: Case, workload: Workload, args: argparse.Namespace
) -> list[Measured]:
    say(f"\n{case}: {args.repeats} repeats, alternating")
    done = alternate(list(sides.values()), case, workload, repeats=args.repeats, warmups=args.warmups)
    return [Measured(name, dtype, done[side.name]) for (name, dtype), side in sides.items()]


def summarise(measured: Sequence[Measured], case: Case, workload: Workload) -> dict[str, Any]:
    """Print the table of one case and return it: tokens/s of each side, and or1's speed over each peer's."""
    tokens = workload.num_response_tokens(case)
    out: dict[str, Any] = {"response_tokens": tokens, "tokens_per_s": {}, "same_dtype": {}, "best_dtype": {}}
    for m in measured:
        speed = rate(m.figures, tokens)
        out["tokens_per_s"][f"{m.side} {m.dtype}"] = speed.to_json()
        say(f"  {m.side:20s} {m.dtype:9s} {speed:9.0f} tokens/s")
    by = {(m.side, m.dtype): m.figures for m in measured}
    for peer in dict.fromkeys(m.side for m in measured if m.side != OURS):
        if (OURS, "float32") in by:
            same = speedup(by[OURS, "float32"], by[peer, "float32"])
            out["same_dtype"][peer] = same.to_json()
            say(f"  float32, or1 against {peer}: {verdict(same, peer, case)}")
        own, other = best(measured, OURS), best(measured, peer)
        ratio = speedup(own.figures, other.figures)
        out["best_dtype"][peer] = {**ratio.to_json(), "or1_dtype": own.dtype, "peer_dtype": other.dtype}
        say(f"  best dtype, or1 ({own.dtype}) against {peer} ({other.dtype}): {ratio:.2f}x")
    return out


def best(measured: Sequence[Measured], side: str) -> Measured:
    """The dtype in which a side was faster."""
    return min((m for m in measured if m.side == side), key=lambda m: median(f["seconds"] for f in m.figures))


def verdict(ratio: Spread, peer: str, case: Case) -> str:
    if peer not in TARGETS:
        return f"{ratio:.2f}x"
    target = TARGETS[peer][case]
    return f"{ratio:.2f}x, aim {target:g}x: {'met' if ratio.median >= target else 'missed'}"


if __name__ == "__main__":
    sys.exit(main())
