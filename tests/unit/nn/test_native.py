"""Compiled attention against plain float64 attention, and what happens where it cannot be compiled.

Shape legend: B sequences, H query heads, G key-value heads, D head size, W positions of memory.
"""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from or1.nn.native import NativeAttention, compiled, native_attention


@pytest.fixture(scope="module")
def native() -> NativeAttention:
    found = native_attention()
    if found is None:
        pytest.skip("this machine has no C++ compiler")
    return found


def plain(q_BHD: Tensor, keys: Tensor, values: Tensor, last_key_A: Tensor) -> Tensor:
    """One head at a time, in float64 [B, H * D]."""
    num_sequences, num_heads, size = q_BHD.shape
    groups = len(keys) // num_sequences
    out = torch.empty(num_sequences, num_heads, size, dtype=torch.float64)
    for b in range(num_sequences):
        for h in range(num_heads):
            row = b * groups + h // (num_heads // groups)
            live = slice(0, int(last_key_A[row]) + 1)
            weights = torch.softmax(keys[row, live].double() @ q_BHD[b, h].double() / size**0.5, 0)
            out[b, h] = weights @ values[row, live].double()
    return out.flatten(1)


@given(
    num_sequences=st.integers(1, 9),
    groups=st.integers(1, 3),
    shared=st.integers(1, 7),
    size=st.sampled_from([2, 16, 64, 80, 128]),
    capacity=st.integers(1, 70),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    seed=st.integers(0, 99),
)
def test_it_is_attention(
    native: NativeAttention,
    num_sequences: int,
    groups: int,
    shared: int,
    size: int,
    capacity: int,
    dtype: torch.dtype,
    seed: int,
) -> None:
    """Dead positions hold infinities: one that is read shows. Queries, keys and values come as slices."""
    generator = torch.Generator().manual_seed(seed)
    heads = groups * (shared + 2)
    qkv = torch.randn(num_sequences, heads, size, generator=generator).to(dtype)
    q, k, v = qkv.split([groups * shared, groups, groups], 1)
    memory = torch.randn(2, num_sequences * groups, capacity, size, generator=generator).to(dtype)
    last = torch.randint(capacity, (num_sequences,), generator=generator).repeat_interleave(groups)
    memory[:, torch.arange(capacity) >= last[:, None]] = torch.inf
    out = native.attend(q, k, v, (memory[0], memory[1]), last)
    rows = torch.arange(len(last))
    assert torch.equal(memory[0][rows, last], k.reshape(-1, size))
    assert torch.equal(memory[1][rows, last], v.reshape(-1, size))
    expected = plain(q, memory[0], memory[1], last)
    tolerance = 1e-5 if dtype is torch.float32 else 2e-2
    torch.testing.assert_close(out.double(), expected, rtol=tolerance, atol=tolerance)


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_failing_compiler_leaves_nothing_behind(tmp_path: Path) -> None:
    compiler = script(tmp_path / "cc", 'test "$1" = --version && exit 0; exit 1')
    with pytest.raises(subprocess.CalledProcessError):
        compiled(compiler, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_it_is_compiled_once_for_a_compiler(tmp_path: Path) -> None:
    text = 'echo "$1" >> {log}; test "$1" = --version && {{ echo {version}; exit 0; }}\n'
    text += 'while test "$1" != -o; do shift; done; echo made > "$2"'
    log = tmp_path / "log"
    compiler = script(tmp_path / "cc", text.format(log=log, version=1))
    first = compiled(compiler, tmp_path / "cache")
    assert compiled(compiler, tmp_path / "cache") == first
    assert log.read_text().split().count("-std=c++17") == 1
    newer = script(tmp_path / "cc", text.format(log=log, version=2))
    assert compiled(newer, tmp_path / "cache") != first
    assert {path.read_text() for path in (tmp_path / "cache").iterdir()} == {"made\n"}


def test_denormals_survive_loading() -> None:
    """Linked with -ffast-math, the library would flush denormals to zero in every later computation."""
    native_attention()
    assert float(torch.tensor(1e-40) * 0.5) > 0
