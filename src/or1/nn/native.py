"""The decode step's attention as compiled code, where this machine has a C++ compiler; optional.

`decode_attention.cpp` is compiled once per machine, at first use, into the user's cache folder, for exactly
this processor. Without a compiler, or where it fails, attention is computed by two matrix products instead:
the same up to rounding, and about twice as slow for few query heads per key-value head. Shape letters:
see `or1.nn`.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from or1.storage.atomic import replacing

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("decode_attention.cpp")
COMPILE_FLAGS = ("-std=c++17", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC", "-c")
LINK_FLAGS = ("-shared", "-fopenmp")
"""Without -ffast-math: gcc would link code that flushes denormals to zero in the whole process."""
COMPILERS = ("g++", "c++", "clang++")
COMPILE_LIMIT_S = 120.0


class _StepArguments(ctypes.Structure):
    """`Step` of the source, field by field."""

    _fields_ = (
        ("queries", ctypes.c_void_p),
        ("new_keys", ctypes.c_void_p),
        ("new_values", ctypes.c_void_p),
        ("query_stride", ctypes.c_int64),
        ("key_stride", ctypes.c_int64),
        ("value_stride", ctypes.c_int64),
        ("keys", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("out", ctypes.c_void_p),
        ("last", ctypes.c_void_p),
        ("rows", ctypes.c_int64),
        ("heads", ctypes.c_int64),
        ("shared", ctypes.c_int64),
        ("capacity", ctypes.c_int64),
        ("size", ctypes.c_int64),
    )


class NativeAttention:
    """The compiled library.

    Args:
        library: path of the shared object.
    """

    def __init__(self, library: Path) -> None:
        loaded = ctypes.CDLL(str(library))
        self._functions = {torch.float32: loaded.attend_float32, torch.bfloat16: loaded.attend_bfloat16}
        for function in self._functions.values():
            function.argtypes = [ctypes.POINTER(_StepArguments), ctypes.c_int]
            function.restype = ctypes.c_int

    def supports(self, dtype: torch.dtype) -> bool:
        return dtype in self._functions

    def attend(
        self, q_BHD: Tensor, k_BGD: Tensor, v_BGD: Tensor, memory: tuple[Tensor, Tensor], last_key_A: Tensor
    ) -> Tensor:
        """Write each sequence's new key and value into its memory, then attend to all that it holds.

        Args:
            q_BHD: queries; like keys and values on a CPU, each sequence's heads next to each other.
            k_BGD: new keys.
            v_BGD: new values.
            memory: keys and values, contiguous [at least B * G, W, D]; of the same type as `q_BHD`.
            last_key_A: position of the new key [B * G], int64.

        Returns:
            [B, H * D].

        Raises:
            MemoryError: no memory for the scores of a row.
        """
        num_sequences, num_heads, size = q_BHD.shape
        groups, (keys, values) = k_BGD.shape[1], memory
        out = q_BHD.new_empty(num_sequences, num_heads * size)
        last_key_A = last_key_A.contiguous()
        step = _StepArguments(
            q_BHD.data_ptr(),
            k_BGD.data_ptr(),
            v_BGD.data_ptr(),
            q_BHD.stride(0),
            k_BGD.stride(0),
            v_BGD.stride(0),
            keys.data_ptr(),
            values.data_ptr(),
            out.data_ptr(),
            last_key_A.data_ptr(),
            num_sequences * groups,
            groups,
            num_heads // groups,
            keys.shape[1],
            size,
        )
        if self._functions[q_BHD.dtype](ctypes.byref(step), torch.get_num_threads()):
            raise MemoryError("no memory for the attention scores of a decode step")
        return out


@functools.cache
def native_attention() -> NativeAttention | None:
    """The compiled attention of this machine, or None with the reason in the log."""
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if platform.system() != "Linux" or compiler is None:
        logger.info("no C++ compiler: the engine computes attention by matrix products")
        return None
    try:
        return NativeAttention(compiled(compiler, cache_folder()))
    except (OSError, subprocess.SubprocessError) as error:
        logger.info("decode attention does not compile here, matrix products serve instead: %s", error)
        return None


def cache_folder() -> Path:
    """Where compiled code is kept between runs: `$XDG_CACHE_HOME/or1`, else `~/.cache/or1`."""
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "or1"


def compiled(compiler: str, folder: Path) -> Path:
    """The shared object for this source, compiler and processor, compiled if it is not there yet.

    Raises:
        OSError, subprocess.SubprocessError: the folder cannot be written, or the compiler fails.
    """
    wide = ("-mprefer-vector-width=512",) if "avx512f" in _processor() else ()
    command = [compiler, *COMPILE_FLAGS, *wide]
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True, text=True).stdout
    parts = [SOURCE.read_text(encoding="utf-8"), *command, version, _processor()]
    target = folder / f"decode_attention-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}.so"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(target) as part, tempfile.TemporaryDirectory(dir=folder) as work:
            code = Path(work) / "made.o"
            compile_it = [*command, "-o", str(code), str(SOURCE)]
            link_it = [compiler, *LINK_FLAGS, "-o", str(part), str(code)]
            for step in (compile_it, link_it):
                subprocess.run(step, capture_output=True, check=True, timeout=COMPILE_LIMIT_S)
    return target


def _processor() -> str:
    """The instruction sets of this processor, as the system lists them."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
