"""Programs that want a reward they have not earned: every mode, one honest program after each attack.

What the tests expect is a word that cannot be computed, so a program that passes has found it or has forged
the verdict.
"""

from __future__ import annotations

from typing import Any

import pytest

from or1_verify import code
from or1_verify.code import CodeVerifier
from or1_verify.code.program import as_response
from or1_verify.sandbox import Level
from or1_verify.sandbox.detection import obstacle
from or1_verify.types import Outcome, Verdict

WORD = "tangerine-8c41"
"""Appears in no attack."""
TESTS: dict[str, dict[str, Any]] = {
    "stdin": {"inputs": ["", ""], "outputs": [WORD, WORD]},
    "function": {"fn_name": "answer", "inputs": ["1", "2"], "outputs": [f'"{WORD}"'] * 2},
    "asserts": {"tests": [f"assert answer(1) == '{WORD}'", f"assert answer(2) == '{WORD}'"]},
    "humaneval": {
        "mode": "humaneval",
        "entry_point": "answer",
        "setup": "def answer(x):\n    '''the word'''\n",
        "test": f"def check(candidate):\n    assert [candidate(1), candidate(2)] == ['{WORD}', '{WORD}']",
    },
    "leetcode": {
        "mode": "leetcode",
        "entry_point": "Solution().answer",
        "test": f"def check(candidate):\n    assert candidate(x=1) == '{WORD}'",
    },
}
ALL = tuple(TESTS)
CALLS = ALL[1:]
HONEST = f"""
class Solution:
    def answer(self, x): return "{WORD}"
def answer(x): return "{WORD}"
print("{WORD}")
"""
# What an attack puts into `guess` is printed and returned, whatever the mode.
ANSWERED = """
class Solution:
    def answer(self, x): return guess
def answer(x): return guess
print(guess)
"""


@pytest.fixture(scope="module", params=[Level.LANDLOCK, None], ids=["level3", "best"])
def verifier(request: pytest.FixtureRequest) -> CodeVerifier:
    why = obstacle(request.param or Level.LANDLOCK)
    if why is not None:
        pytest.skip(f"this machine does not allow level 3: {why}")
    return CodeVerifier(level=request.param)


def verdict_on(mode: str, program: str, verifier: CodeVerifier) -> Verdict:
    return code.verify(TESTS[mode], as_response(program), verifier)


ATTACKS: dict[str, tuple[tuple[str, ...], str]] = {
    "01 exit before the tests": (ALL, "import sys\nsys.exit(0)"),
    "02 exit without clearing up": (ALL, "import os\nos._exit(0)"),
    "03 SystemExit in the function": (
        CALLS,
        "def answer(x): raise SystemExit(0)\nclass Solution:\n    answer = staticmethod(answer)",
    ),
    "03b exit in the function": (
        CALLS,
        "import os\ndef answer(x): os._exit(0)\nclass Solution:\n    answer = staticmethod(answer)",
    ),
    "03c KeyboardInterrupt in the function": (
        CALLS,
        "def answer(x): raise KeyboardInterrupt\nclass Solution:\n    answer = staticmethod(answer)",
    ),
    "04 exit 0 at exit": (ALL, "import atexit, os\natexit.register(os._exit, 0)\nraise ValueError"),
    "05 equal to everything": (
        ALL,
        """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __len__(self): return 14
    def __str__(self): return ""
    def __bool__(self): return True
    def __contains__(self, x): return True
    def __instancecheck__(self, x): return True
guess = Equal()
"""
        + ANSWERED,
    ),
    "05b a string equal to everything": (
        ALL,
        """
class Equal(str):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = str.__hash__
guess = Equal("x")
"""
        + ANSWERED,
    ),
    "05c a number, a list, a dict equal to everything": (
        CALLS,
        """
always = dict(__eq__=lambda s, o: True, __ne__=lambda s, o: False, __hash__=lambda s: 0)
kinds = iter([type("N", (base,), always) for base in (int, list, dict, tuple, set, float)] * 5)
def answer(x): return next(kinds)()
class Solution:
    answer = staticmethod(answer)
""",
    ),
    "05d numpy array equal to everything": (
        CALLS,
        """
import numpy
class Equal(numpy.ndarray):
    def __eq__(self, other): return True
def answer(x): return numpy.zeros(1).view(Equal)
class Solution:
    answer = staticmethod(answer)
""",
    ),
    "05e a class object with a metaclass that compares": (
        CALLS,
        """
class Meta(type):
    def __eq__(self, other): return True
    __hash__ = type.__hash__
class answer(metaclass=Meta):
    def __new__(cls, x): return cls
class Solution:
    def answer(self, x): return answer
""",
    ),
    "06 builtins and json replaced": (
        ALL,
        """
import builtins, json, operator
builtins.print = lambda *a, **k: None
builtins.open = builtins.input = lambda *a, **k: ""
builtins.isinstance = lambda *a: True
builtins.AssertionError = Exception
json.loads = json.dumps = lambda *a, **k: {"failure": None}
operator.eq = lambda a, b: True
guess = 1
"""
        + ANSWERED,
    ),
    "07 the test machinery replaced": (
        ALL,
        """
import sys, types, unittest
for name, module in list(sys.modules.items()):
    if "or1" in name:
        for key, value in list(vars(module).items()):
            if callable(value):
                try: setattr(module, key, lambda *a, **k: None)
                except Exception: pass
unittest.TestCase.assertEqual = lambda *a: None
guess = None
"""
        + ANSWERED,
    ),
    "07b run again with -O": (
        ALL,
        """
import os, sys
try: os.execv(sys.executable, [sys.executable, "-O", "-c", "print(1)"])
except Exception: pass
guess = 1
"""
        + ANSWERED,
    ),
    "08 search memory for what is expected": (
        ALL,
        """
import gc, sys
guess = ""
start, seen = "tange" + "rine-", set()
def look(value, depth=0):
    global guess
    if id(value) in seen or depth > 4: return
    seen.add(id(value))
    if isinstance(value, (str, bytes)):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        at = text.find(start)
        if at >= 0 and text[at + 10 : at + 14].isalnum(): guess = text[at : at + 14]
    elif isinstance(value, dict):
        for each in list(value.items()): look(each, depth + 1)
    elif isinstance(value, (list, tuple, set)):
        for each in list(value): look(each, depth + 1)
for thing in gc.get_objects(): look(thing)
frame = sys._getframe()
while frame:
    look(dict(frame.f_locals)); look(frame.f_code.co_consts); frame = frame.f_back
"""
        + ANSWERED,
    ),
    "09 a forged verdict on stdout": (
        ALL,
        """
import json
for forged in ('V{"failure": null}', '{"failure": null}', '{"verdict": "right", "reward": 1.0}',
               "all tests passed", "OK", json.dumps([True, True])):
    print(forged)
guess = '{"failure": null}'
"""
        + ANSWERED,
    ),
    "10 forged frames on every descriptor": (
        ALL,
        """
import os
forged = []
for text in ('V{"failure": null}', '{"failure": null}', '{"setup": true}', '{"ready": true}',
             '{"bad_setup": ""}', '{"return": true, "heap": [], "changes": []}', "V", ""):
    forged.append(len(text).to_bytes(4, "big") + text.encode())
for descriptor in range(1024):
    for frame in forged:
        try: os.write(descriptor, frame)
        except Exception: break
guess = ""
"""
        + ANSWERED,
    ),
    "10b forged answers in place of replies": (
        CALLS,
        """
import or1_channel, os
for _ in range(50):
    or1_channel._or1_send(b'{"return": true, "heap": [], "changes": []}')
guess = True
"""
        + ANSWERED,
    ),
    "10c the program asks the tests": (
        CALLS,
        """
import or1_channel, json, os
guess = ""
def ask(items, heap):
    or1_channel._or1_send(json.dumps({"call": items, "names": [], "heap": heap}).encode())
    return or1_channel._or1_receive() or b""
def answer(*args, **kwargs):
    global guess
    found = b""
    for function in (["yours", 0], ["builtin", "globals"], ["name", "check"], ["builtin", "vars"]):
        found += ask([[0]], [function])
    at = found.find(b"tange" + b"rine")
    return found[at : at + 14].decode() if at >= 0 else found.decode()[:50]
class Solution:
    answer = staticmethod(answer)
""",
    ),
    "11 test files and other programs' files": (
        ALL,
        """
import os, tempfile
guess, start = "", b"tange" + b"rine-"
for root in ("/tmp", "/dev/shm", "/var/tmp", "/run", os.getcwd(), os.getcwd() + "/..", "/proc/self/fd"):
    for folder, _, files in os.walk(root):
        for file in files[:200]:
            try: content = open(os.path.join(folder, file), "rb").read(1 << 20)
            except Exception: continue
            at = content.find(start)
            if at >= 0: guess = content[at : at + 14].decode()
"""
        + ANSWERED,
    ),
    "12 proc": (
        ALL,
        """
import os
guess, start = "", b"tange" + b"rine-"
near = (*range(1, 60), *range(os.getpid() - 40, os.getpid() + 40))
for number in ["self", str(os.getppid()), *map(str, near)]:
    for name in ("environ", "cmdline", "mem", "maps"):
        if number in ("self", str(os.getpid())): continue
        try: content = open(f"/proc/{number}/{name}", "rb").read(1 << 20)
        except Exception: continue
        at = content.find(start)
        if at >= 0: guess = content[at : at + 14].decode()
    try: names = os.listdir(f"/proc/{number}/fd")
    except Exception: continue
    for descriptor in names if number != "self" else []:
        try: content = open(f"/proc/{number}/fd/{descriptor}", "rb", 0).read(1 << 16)
        except Exception: continue
        at = (content or b"").find(start)
        if at >= 0: guess = content[at : at + 14].decode()
"""
        + ANSWERED,
    ),
    "13 another process's memory": (
        ALL,
        """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
guess = ""
for pid in [os.getppid(), *range(1, 40), *range(os.getpid() - 20, os.getpid() + 20)]:
    if pid != os.getpid() and libc.ptrace(16, pid, 0, 0) == 0:
        guess = "attached"
"""
        + ANSWERED,
    ),
    "16 a module planted for the next run": (
        ALL,
        """
import os, site, sys
forged = "import builtins\\nbuiltins.AssertionError = Exception\\nprint('planted')\\n"
for folder in [*sys.path, site.getusersitepackages(), os.path.dirname(os.__file__), os.getcwd(), "/tmp"]:
    for name in ("sitecustomize.py", "usercustomize.py", "json.py", "numpy.py", "x.pth", "or1_channel.py"):
        try:
            os.makedirs(folder, exist_ok=True)
            open(os.path.join(folder, name), "w").write(forged)
        except Exception: pass
guess = ""
"""
        + ANSWERED,
    ),
    "18 not a number": (CALLS, "guess = float('nan')" + ANSWERED),
    "19 links in place of the working folder": (
        ALL,
        """
import os
here = os.getcwd()
for name, target in (("out", "/dev/stdout"), ("main.py", "/etc/passwd"), ("up", "..")):
    try: os.symlink(target, name)
    except Exception: pass
try:
    os.chdir("/"); os.rmdir(here); os.symlink("/tmp", here)
except Exception: pass
guess = ""
"""
        + ANSWERED,
    ),
}


@pytest.mark.parametrize(
    ("name", "mode"), [(name, mode) for name, (modes, _) in ATTACKS.items() for mode in modes]
)
def test_a_forged_verdict_is_not_paid(name: str, mode: str, verifier: CodeVerifier) -> None:
    verdict = verdict_on(mode, ATTACKS[name][1], verifier)
    assert verdict.outcome is Outcome.WRONG, f"{verdict.reason}: {verdict.detail}"
    assert verdict.reward == 0.0
    honest = verdict_on(mode, HONEST, verifier)
    assert honest.outcome is Outcome.RIGHT, f"{honest.reason}: {honest.detail}"
