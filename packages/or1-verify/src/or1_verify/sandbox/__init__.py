"""Programs that nobody trusts, each in a process that is locked in before its first line runs.

`Sandbox` runs them, `detect` says how well this machine can lock them in (docs/security.md: what each level
keeps out). Linux only; nothing beyond the standard library is imported.
"""

from or1_verify.sandbox.detection import Capabilities, Lack, detect
from or1_verify.sandbox.sandbox import WARM_IMPORTS, Sandbox
from or1_verify.sandbox.session import Session
from or1_verify.sandbox.types import Ending, Execution, Level, Limits, SandboxError

__all__ = [
    "WARM_IMPORTS",
    "Capabilities",
    "Ending",
    "Execution",
    "Lack",
    "Level",
    "Limits",
    "Sandbox",
    "SandboxError",
    "Session",
    "detect",
]
