"""Run all attacks as the current user: `python -m attacks.as_user LEVEL` prints the escapes."""

from __future__ import annotations

import json
import sys

from attacks.harness import ATTACKS, Arena, bait
from or1_verify.sandbox import Level, Sandbox
from or1_verify.sandbox.detection import obstacle


def main() -> None:
    level = Level(int(sys.argv[1]))
    why = obstacle(level)
    if why is not None:
        sys.stdout.write(json.dumps({"not allowed": why}))
        return
    with bait() as laid, Sandbox(level) as sandbox:
        arena = Arena(sandbox, laid)
        found = {f"{a.number} {a.name}": arena.complaints(a) for a in ATTACKS if a.lowest <= level}
    report = {"attacks": len(found), "complaints": {name: what for name, what in found.items() if what}}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
