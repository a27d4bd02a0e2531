"""Verifiers of math and code answers: exact, fast, and safe on text that a model wrote.

`math` compares a final answer with a gold, `code` runs a program against tests in a sandbox, `pool` runs
verifiers in processes that can be killed. `Verifier` is the base class of all. Nothing here imports torch or
transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from or1_verify.base import Verifier
    from or1_verify.types import Answer, Finish, Gold, Message, Outcome, Problem, Verdict

__version__ = "1.0.0"
__all__ = ["Answer", "Finish", "Gold", "Message", "Outcome", "Problem", "Verdict", "Verifier"]


def __getattr__(name: str) -> object:
    """Import a name when it is first used: the process that forks sandboxed programs stays empty."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "or1_verify.base" if name == "Verifier" else "or1_verify.types"
    return vars(import_module(home))[name]
