"""The compute type follows the hardware's own flags."""

from __future__ import annotations

import pytest
import torch

from or1.trainer.precision import best_dtype, cpu_has_bfloat16


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 avx512_fp16\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile", True),
        ("Features\t: fp asimd bf16 i8mm", True),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", False),
        ("model name\t: machine with avx512_bf16\nflags\t\t: fpu", False),
        ("bugs\t\t: avx512_bf16", False),
        ("", False),
    ],
)
def test_only_the_flags_line_counts(cpuinfo: str, expected: bool) -> None:
    assert cpu_has_bfloat16(cpuinfo) is expected


def test_a_very_small_model_stays_in_float32() -> None:
    assert best_dtype(torch.device("cpu"), 32) is torch.float32
