"""The faster compute type of this hardware; from its features, not from timings, so that a resumed run
agrees."""

from __future__ import annotations

from pathlib import Path

import torch

CPU_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Flags of /proc/cpuinfo that stand for a bfloat16 dot product: x86 AVX-512 and AMX, Arm."""
MIN_HIDDEN_SIZE = 64
"""Below it products are too small to gain from bfloat16, and float32 is more exact [features]."""
CPUINFO = Path("/proc/cpuinfo")


def best_dtype(device: torch.device, hidden_size: int) -> torch.dtype:
    """bfloat16 where the hardware has products of it and the model is large enough to gain, else float32.

    Args:
        device: of the model.
        hidden_size: of the model [features].
    """
    return torch.bfloat16 if hidden_size >= MIN_HIDDEN_SIZE and has_bfloat16(device) else torch.float32


def has_bfloat16(device: torch.device) -> bool:
    """Whether the hardware has products of bfloat16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return CPUINFO.is_file() and cpu_has_bfloat16(CPUINFO.read_text(encoding="utf-8"))


def cpu_has_bfloat16(cpuinfo: str) -> bool:
    """Whether the text of /proc/cpuinfo names a bfloat16 dot product; emulated ones are slower than float32.

    >>> cpu_has_bfloat16("flags : fpu avx512f avx512_bf16"), cpu_has_bfloat16("flags : avx2")
    (True, False)
    """
    lines = [line.partition(":") for line in cpuinfo.splitlines()]
    return any(
        name.strip() in ("flags", "Features") and not CPU_FLAGS.isdisjoint(flags.split())
        for name, _, flags in lines
    )
