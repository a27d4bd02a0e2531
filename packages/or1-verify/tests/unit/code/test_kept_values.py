"""Lists and other values that a program keeps are one object for both sides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.code.rpc_atoms import TransferError
from or1_verify.code.rpc_shared import Shared
from or1_verify.code.rpc_values import ValueDecoder, ValueEncoder

LIST_ENTRY = ["list", []]
"""The kind of a value, as it crossed; its elements do not count here."""


def test_shared_values_follow_each_other_and_old_ones_end() -> None:
    """Each side sends once the changes that it made; neither keeps many messages, nor large ones."""

    def encoder_of(objects: list[Any]) -> ValueEncoder:
        return ValueEncoder(known=objects)

    program, tests = Shared(), Shared()
    assert program.share([[1] * 2_000], [LIST_ENTRY], encoder_of) is None
    pairs = [([1], [1]) for _ in range(50)]
    for in_program, in_tests in pairs:
        number = program.share([in_program], [LIST_ENTRY], encoder_of)
        assert number is not None
        tests.accept(number, [in_tests], [LIST_ENTRY], encoder_of)
    in_program, in_tests = pairs[-1]
    for sender, receiver, changed, copied, added in (
        (program, tests, in_program, in_tests, 2),
        (tests, program, in_tests, in_program, 3),
    ):
        changed.append(added)
        ((last_number, new_values, changes),) = json.loads(json.dumps(sender.changes(encoder_of)))
        assert (last_number, new_values, changes) == (len(pairs), [], [[0, ["list", changed]]])
        receiver.apply([(last_number, new_values, changes)], ValueDecoder(), encoder_of)
        assert copied == changed == list(range(1, added + 1))
        assert sender.changes(encoder_of) == receiver.changes(encoder_of) == []
    pairs[0][0].append(9)
    assert program.changes(encoder_of) == [], "the first of 50 is forgotten"
    reply = program.after_call([], [], encoder_of, (in_program, False))
    assert tests.value_at(reply["same"]) is in_tests


def test_a_value_that_joins_a_shared_one_is_shared_too() -> None:
    def encoder_of(objects: list[Any]) -> ValueEncoder:
        return ValueEncoder(known=objects)

    program, tests = Shared(), Shared()
    in_program: list[Any] = []
    in_tests: list[Any] = []
    number = program.share([in_program], [LIST_ENTRY], encoder_of)
    assert number is not None
    tests.accept(number, [in_tests], [LIST_ENTRY], encoder_of)
    inner = [7]
    in_program.append(inner)
    tests.apply(program.changes(encoder_of), ValueDecoder(), encoder_of)
    assert in_tests == [[7]]
    inner.append(8)
    tests.apply(program.changes(encoder_of), ValueDecoder(), encoder_of)
    assert in_tests == [[7, 8]]
    in_tests[0].append(9)
    program.apply(tests.changes(encoder_of), ValueDecoder(), encoder_of)
    assert inner == [7, 8, 9]


@pytest.mark.parametrize(
    "changes",
    [[[1, [], [[3, ["list", [1]]]]]], [[1, [], [[0, ["dict", [], []]]]]], [[1, []]], [1]],
)
def test_malformed_changes_are_refused(changes: list[Any]) -> None:
    shared = Shared()
    shared.accept(1, [[1], (2,)], [LIST_ENTRY, ["tuple", []]], lambda objects: ValueEncoder(known=objects))
    with pytest.raises(TransferError):
        shared.apply(changes, ValueDecoder(), lambda objects: ValueEncoder(known=objects))


KEPT = (
    "class Box:\n    def __init__(self, items): self.items = %s\n    def size(self): return len(self.items)\n"
)
SINK = "class Log:\n    def __init__(self, sink): self.sink = sink\n    def add(self, x): self.sink.append(x)"
VIEW = (
    "class Bag:\n    def __init__(self): self.q = []\n    def add(self, x): self.q.append(x)\n"
    "    def all(self): return %s"
)
DEFAULT = "def add(x, items=None):\n    items = items or []\n    items.append(x)\n    return items"
WITH_MEMORY = "def add(x, items=[]):\n    items.append(x)\n    return items"


def test_results_in_one_list_that_is_filled_again_are_two() -> None:
    """Two results that are one object would be equal whatever is in it."""
    program = "kept = []\ndef double(xs):\n    kept[:] = xs\n    return kept"
    test = "a = double([1])\nb = double([2])\nassert a == b"
    assert code.verify({"tests": [test]}, as_response(program)).reason == "wrong_answer"
    test = "a = add(1)\nb = add(2)\nassert b == [1, 2]"
    assert code.verify({"tests": [test]}, as_response(WITH_MEMORY)).reason == "right"


@pytest.mark.parametrize(
    ("program", "test", "expected"),
    [
        (SINK, "sink = []\nlog = Log(sink)\nlog.add(1)\nlog.add(2)\nassert sink == [1, 2]", "right"),
        (SINK, "a, b = [], []\nLog(a).add(1)\nLog(b).add(2)\nassert (a, b) == ([1], [2])", "right"),
        (KEPT % "items", "xs = [1, 2]\nbox = Box(xs)\nxs.append(3)\nassert box.size() == 3", "right"),
        (KEPT % "list(items)", "xs = [1, 2]\nbox = Box(xs)\nxs.append(3)\nassert box.size() == 2", "right"),
        (KEPT % "items", "xs = [1, 2]\nbox = Box(xs)\nxs.append(3)\nassert box.size() == 2", "wrong_answer"),
        (VIEW % "self.q", "bag = Bag()\nseen = bag.all()\nbag.add(1)\nassert seen == [1]", "right"),
        (VIEW % "self.q[:]", "bag = Bag()\nseen = bag.all()\nbag.add(1)\nassert seen == []", "right"),
        (VIEW % "self.q", "bag = Bag()\nseen = bag.all()\nbag.add(1)\nassert seen == []", "wrong_answer"),
        (VIEW % "self.q", "bag = Bag()\nbag.all().append(7)\nassert bag.all() == [7]", "right"),
        (DEFAULT, "a = add(1)\nb = add(2)\nassert (a, b) == ([1], [2])", "right"),
        (SINK, "log = Log([])\nsink = log.sink\nsink.append(7)\nassert log.sink == [7]", "right"),
        (
            "HIST = []\ndef size(): return len(HIST)",
            "HIST.append(7)\nHIST.append(8)\nassert size() == 2",
            "right",
        ),
        (
            "M = {1: 2}\ndef put(k): M[k] = 0",
            "assert M.get(1) == 2\nput(3)\nassert M.get(3) == 0 and 3 in M",
            "right",
        ),
        (
            "def step(log, x):\n    log.append('try')\n    if x: raise ValueError\n    log.append('done')",
            "log = []\ntry:\n    step(log, 1)\nexcept ValueError:\n    pass\nassert log == ['try']",
            "right",
        ),
        (
            "def as_floats(xs):\n    for i, x in enumerate(xs): xs[i] = float(x)",
            "xs = [1, 2]\nas_floats(xs)\nassert [type(x) is float for x in xs] == [True, True]",
            "right",
        ),
        (
            "from collections import OrderedDict\nCACHE = OrderedDict(a=1, b=2)\n"
            "def use(k):\n    CACHE.move_to_end(k)\n    return CACHE",
            "assert list(use('a')) == ['b', 'a']",
            "right",
        ),
        (
            "class Count:\n    def __init__(self, d): self.d = d\n    def add(self, k): self.d[k] += 1",
            "from collections import defaultdict\nd = defaultdict(lambda: 10)\n"
            "Count(d).add('a')\nassert d['a'] == 11",
            "right",
        ),
        (
            "class Run:\n    def __init__(self, sink): self.sink = sink\n"
            "    def go(self, f):\n        f(1)\n        return list(self.sink)",
            "sink = []\nrun = Run(sink)\nassert run.go(lambda x: sink.append(x)) == [1]",
            "right",
        ),
        ("C = {'a': 1}\ndef conf(): return C", "assert conf() is conf() and conf()['a'] == 1", "right"),
        ("def conf(): return {'a': 1}", "assert conf() is conf() and conf()['a'] == 1", "wrong_answer"),
        ("def f(x): return x", "xs = [1]\nassert f(xs) is xs and f([1]) is not xs", "right"),
    ],
)
def test_values_that_a_program_keeps_are_one_object(program: str, test: str, expected: str) -> None:
    """In plain Python the same tests pass and fail."""
    assert code.verify({"tests": [test]}, as_response(program)).reason == expected
    scope: dict[str, Any] = {}
    exec(program, scope)
    try:
        exec(test, scope)
    except AssertionError:
        assert expected == "wrong_answer"
    else:
        assert expected == "right"
