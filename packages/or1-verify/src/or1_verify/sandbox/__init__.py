"""Runs untrusted programs, each in a process of its own that is confined before its first line runs.

`Sandbox` runs programs; `detect` finds the best level of confinement on this machine (docs/security.md lists
the attacks that each level stops). Linux only; imports the standard library alone.
"""

from or1_verify.sandbox.detection import Capabilities, Lack, detect
from or1_verify.sandbox.sandbox import WARM_IMPORTS, Sandbox
from or1_verify.sandbox.session import Session
from or1_verify.sandbox.types import Ending, Execution, Level, Limits, SandboxError

__all__ = [
    "WARM_IMPORTS", "Capabilities", "Ending", "Execution", "Lack", "Level", "Limits", "Sandbox",
    "SandboxError", "Session", "detect",
]  # fmt: skip
