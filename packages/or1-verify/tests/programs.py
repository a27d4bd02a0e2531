"""Honest programs for the sandbox."""

from __future__ import annotations

from or1_verify.sandbox import Limits

PATIENT = Limits(cpu_s=30.0, wall_s=300.0)
"""For programs that end on their own, however loaded the machine is."""
ECHO = """
from or1_channel import _or1_receive, _or1_send
while (message := _or1_receive()) is not None:
    _or1_send(message[::-1])
"""
SPIN = """
import time
while time.process_time() < {}:
    sum(range(20_000))
print('done')
"""
"""Computes, nearly all in user mode."""
