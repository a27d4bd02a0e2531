"""GPUs and engines by their published or fitted numbers."""

from __future__ import annotations

from dataclasses import dataclass

GB, TB = 1e9, 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU, from its data sheet."""

    name: str
    memory: float
    """[bytes]"""
    bandwidth: float
    """Of its memory [bytes/s]."""
    flops: float
    """bfloat16, dense [1/s]."""
    dollars_per_hour: float
    """Typical price to rent in 2026; an estimate, to be replaced by yours."""


GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu(name="a100", memory=80 * GB, bandwidth=2.04 * TB, flops=312e12, dollars_per_hour=1.5),
        Gpu(name="h20", memory=96 * GB, bandwidth=4.0 * TB, flops=148e12, dollars_per_hour=1.5),
        Gpu(name="h100", memory=80 * GB, bandwidth=3.35 * TB, flops=989e12, dollars_per_hour=2.5),
        Gpu(name="h800", memory=80 * GB, bandwidth=3.35 * TB, flops=989e12, dollars_per_hour=2.5),
        Gpu(name="h200", memory=141 * GB, bandwidth=4.8 * TB, flops=989e12, dollars_per_hour=3.5),
        Gpu(name="b200", memory=192 * GB, bandwidth=8.0 * TB, flops=2250e12, dollars_per_hour=5.5),
    )
}
"""Source: the makers' data sheets (SXM versions)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProfile:
    """Seconds of one decode step: start + per_sequence * running + bytes read / (fraction * bandwidth)."""

    name: str
    start_s: float
    """Of each step, whatever runs in it."""
    per_sequence_s: float
    """For each running sequence: scheduling, sampling, kernels without graphs."""
    bandwidth_fraction: float
    """Share of the memory bandwidth that reading weights and cache reaches [dimensionless]."""
    cache_fraction: float = 0.85
    """Share of the memory that weights leave which the cache may take [dimensionless]."""


PROFILES = {
    profile.name: profile
    for profile in (
        # fitted on the paper's rollout of 1,024 responses on 32 and 256 GPUs: eager, without prefix sharing
        EngineProfile(name="vllm-0.6", start_s=1.9e-3, per_sequence_s=0.72e-3, bandwidth_fraction=0.6),
        # data sheet and CUDA graphs: not fitted, since nothing published gives lengths and times together
        EngineProfile(name="graphs", start_s=0.5e-3, per_sequence_s=0.02e-3, bandwidth_fraction=0.6),
    )
}
"""Constants belong to an engine and its version, not to the planner: another engine is one more entry, fitted
on two of its rollouts."""
