"""Types of tensors by name, as configurations of models and messages to other processes have them."""

from __future__ import annotations

import torch


def dtype_name(dtype: torch.dtype) -> str:
    """The name without its module.

    >>> dtype_name(torch.bfloat16)
    'bfloat16'
    """
    return str(dtype).removeprefix("torch.")


def dtype_named(name: str) -> torch.dtype:
    """The type of this name; ValueError if there is none."""
    found = vars(torch).get(name)
    if not isinstance(found, torch.dtype):
        raise ValueError(f"torch has no type {name!r} of tensors")
    return found
