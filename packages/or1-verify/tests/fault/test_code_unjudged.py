"""A program that could make a verifier fail would not be judged, and so hide that it is wrong.

NOT_JUDGED leaves the group's statistics: whatever a program prints, returns or sends must not lead there.
"""

from __future__ import annotations

from typing import Any

import pytest

from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.types import Outcome

WORD = "tangerine-8c41"
TESTS: dict[str, dict[str, Any]] = {
    "stdin": {"inputs": ["", ""], "outputs": [WORD, WORD]},
    "function": {"fn_name": "answer", "inputs": ["1", "2"], "outputs": [f'"{WORD}"'] * 2},
    "asserts": {"tests": [f"assert answer(1) == '{WORD}'", f"assert answer(2) == '{WORD}'"]},
    "last": {"tests": ["for last in answer(1): pass\nassert last == 3"]},
    "checker": {
        "inputs": [""],
        "outputs": ["3"],
        "checker": "def check(i, o, r):\n    return len(bytearray(4 * int(o))) == 12",
    },
}


UNJUDGED: dict[str, tuple[str, str]] = {
    "millions of lines": ("stdin", "print('1\\n' * 8_000_000)"),
    "millions of numbers": ("stdin", "print('1 ' * 8_000_000)"),
    "a number of millions of digits": ("stdin", "print('1' * 16_000_000)"),
    "a bottomless list": (
        "function",
        "def answer(x):\n    a = []\n    for _ in range(10**5): a = [a]\n    return a",
    ),
    "a list that holds itself": ("function", "def answer(x):\n    a = []\n    a.append(a)\n    return a"),
    "a list that doubles at each level": (
        "function",
        "def answer(x):\n    a = [1]\n    for _ in range(200): a = [a, a]\n    return a",
    ),
    "a key that doubles at each level": (
        "function",
        "def answer(x):\n    import or1_channel, json\n"
        "    heap = [['tuple', [[i + 1], [i + 1]]] for i in range(1, 60)]\n"
        "    heap = [['dict', [[1]], [1]], *heap, ['tuple', []]]\n"
        "    or1_channel._or1_send(json.dumps({'return': [0], 'heap': heap, 'changes': []}).encode())",
    ),
    "a result that doubles at each level": (
        "asserts",
        "def answer(x):\n    a = (1,)\n    for _ in range(200): a = (a, a)\n    return a",
    ),
    "numbers of one hash": ("function", "def answer(x): return {n * (2**61 - 1) for n in range(1, 4000)}"),
    "a report of millions of lists": (
        "function",
        "import or1_channel\nor1_channel._or1_send(b'{\"failed\": [' + b'[],' * 20_000_000 + b'[]]}')",
    ),
    "a report that is nested deep": (
        "function",
        "import or1_channel\ndeep = b'[' * 970 + b']' * 970\n"
        "or1_channel._or1_send(b'{\"failed\": 1, \"detail\": ' + deep + b'}')",
    ),
    "a program longer than a message": ("function", "x = '" + "\x01" * 12_000_000 + "'"),
    "half a character": ("asserts", "def answer(x): raise ValueError('\\ud800 \\x1b[31m')"),
    "an integer that cannot be written": ("function", "def answer(x): return [10**5000]"),
    "a forest of lists": ("function", "def answer(x): return [[[]] for _ in range(60_000)]"),
    "a signaling nan": ("function", "from decimal import Decimal\ndef answer(x): return [Decimal('sNaN')]"),
    "an array": ("function", "import numpy\ndef answer(x): return numpy.arange(14)"),
    "nested frames": ("function", "import or1_channel\nor1_channel._or1_send(b'[' * 10**6)\n"),
    "a frame of no message": (
        "function",
        """
import or1_channel
def answer(x): or1_channel._or1_send(b'{"return": [0], "heap": [[[]]], "changes": 7}')
""",
    ),
    "an empty result": ("last", "def answer(x): return []"),
    "a forged setup": ("asserts", 'import or1_channel\nor1_channel._or1_send(b\'{"bad_setup": "sorry"}\')'),
    "a forged failure": ("asserts", "import or1_channel\nor1_channel._or1_send(b'{\"failed\": 7}')"),
    "a huge result": ("asserts", "def answer(x): return 'x' * (63 << 20)"),
    "a bottomless result": (
        "asserts",
        "def answer(x):\n    a = ()\n    for _ in range(10**5): a = (a,)\n    return a",
    ),
    "an unknown exception": (
        "asserts",
        "class E(BaseException):\n    def __str__(self): raise E\ndef answer(x): raise E",
    ),
    "an exception of the tests": ("asserts", "def answer(x): raise NameError('name check is not defined')"),
    "a hang-up": ("asserts", "import os\ndef answer(x):\n    os.close(3)\n    return 1"),
    "an output that the checker cannot read": ("checker", "print('nan')"),
    "an output too long for the checker": ("checker", "print('\\x01' * (15 << 20))"),
    "an output that the checker cannot stand": ("checker", "print(10**9)"),
}


@pytest.mark.parametrize("name", UNJUDGED)
def test_no_program_can_keep_itself_from_being_judged(name: str) -> None:
    mode, program = UNJUDGED[name]
    verdict = code.verify(TESTS[mode], as_response(program))
    assert verdict.outcome is Outcome.WRONG, f"{verdict.reason}: {verdict.detail}"
    assert verdict.detail.isprintable()
    honest = code.verify(TESTS["function"], as_response(f"def answer(x): return '{WORD}'"))
    assert honest.outcome is Outcome.RIGHT, f"{honest.reason}: {honest.detail}"
