"""Fakes, one for each protocol, and builders. Tests pass them as arguments instead of patching.

They are complete small implementations: deterministic, in memory, with faults that a test chooses by name.
The contract tests run over them too.
"""

from or1.testing.builders import (
    InjectedFaultError,
    make_group,
    make_problem,
    make_report,
    make_result,
    make_rollout,
    make_verdict,
)
from or1.testing.record import MemoryCheckpoints, MemoryTracker, StepRecord
from or1.testing.rollout import (
    END_TOKEN,
    CharTokenizer,
    ListCollector,
    Script,
    Scripted,
    ScriptedEngine,
    by_problem,
)
from or1.testing.server import SERVED_MODEL, ChatReply, ChatRequest, ChatScript, ChatServer
from or1.testing.train import CountingBackend, UpdateCall
from or1.testing.verify import ExactVerifier, FlakyVerifier, InlineVerifierPool

__all__ = [
    "END_TOKEN",
    "SERVED_MODEL",
    "CharTokenizer",
    "ChatReply",
    "ChatRequest",
    "ChatScript",
    "ChatServer",
    "CountingBackend",
    "ExactVerifier",
    "FlakyVerifier",
    "InjectedFaultError",
    "InlineVerifierPool",
    "ListCollector",
    "MemoryCheckpoints",
    "MemoryTracker",
    "Script",
    "Scripted",
    "ScriptedEngine",
    "StepRecord",
    "UpdateCall",
    "by_problem",
    "make_group",
    "make_problem",
    "make_report",
    "make_result",
    "make_rollout",
    "make_verdict",
]
