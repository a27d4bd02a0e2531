"""Attempts to escape from a sandbox, for `or1 doctor`."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from pathlib import Path

from or1_verify.sandbox.sandbox import Sandbox
from or1_verify.sandbox.types import Limits, SandboxError

_PROGRAM = """
import json, os, socket, sys
facts = json.loads(input())
def connect():
    with socket.create_connection(("127.0.0.1", facts["port"]), 2.0):
        pass
attempts = {
    "network": connect,
    "reading /etc/passwd": lambda: open("/etc/passwd").read(1),
    "reading a folder": lambda: os.listdir(facts["folder"]),
    "writing outside": lambda: open(facts["folder"] + "/written", "w").close(),
    "signalling its parent": lambda: os.kill(facts["parent"], 0),
    "starting a process": lambda: os.fork() or os._exit(0),
    "reading a parent's environment": lambda: open("/proc/%d/environ" % facts["parent"]).read(1),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except OSError:
        pass
    else:
        print(name, flush=True)
print("tried", len(attempts))
"""
NUM_ATTEMPTS = 7


def escapes(sandbox: Sandbox) -> list[str]:
    """The forbidden actions that succeed in this sandbox; SandboxError if the program did not finish."""
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as server:
        Path(name).chmod(0o777)
        facts = {"folder": name, "parent": os.getpid(), "port": server.getsockname()[1]}
        done = sandbox.run(_PROGRAM, stdin=json.dumps(facts).encode(), limits=Limits(cpu_s=5.0, wall_s=30.0))
    *succeeded, last = done.stdout.decode(errors="replace").splitlines() or [""]
    if last != f"tried {NUM_ATTEMPTS}":
        raise SandboxError(f"the self-test ended with {done.ending}: {done.stderr.decode(errors='replace')}")
    return succeeded
