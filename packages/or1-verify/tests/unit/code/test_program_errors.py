"""Exception classes of the program in tests: its own, with text, attributes, causes and base classes."""

# ruff: noqa: E501 - programs in one line

from __future__ import annotations

import pytest

from builders import reason_for_code
from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.code.rpc_atoms import TransferError
from or1_verify.code.rpc_error_classes import ErrorClasses, error_table

BAD = (
    "class AppError(Exception):\n    code = 7\n"
    "class Bad(AppError, ValueError):\n"
    "    def __init__(self, x, *, why='neg'):\n        super().__init__(f'bad {x}')\n        self.x, self.why = x, why\n"
    "    def twice(self): return 2 * self.x\n"
    "class Other(AppError): pass\n"
)
PROGRAM = BAD + "def g(x):\n    if x < 0: raise Bad(x)\n    if x == 0: raise Other('zero')\n    return x\n"
TESTS = {
    "pytest": "import pytest\ndef test_it():\n    assert g(1) == 1\n"
    "    with pytest.raises(Bad, match='bad -1') as e:\n        g(-1)\n"
    "    assert e.value.args == ('bad -1',) and str(e.value) == 'bad -1'\n",
    "unittest": "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n"
    "        self.assertEqual(g(1), 1)\n        with self.assertRaises(Bad): g(-1)\n        self.assertRaises(Bad, g, -2)\n",
    "except": "assert g(1) == 1\ntry:\n    g(-1)\n    assert False\nexcept Bad as e:\n"
    "    assert (e.x, e.why, e.twice(), e.code) == (-1, 'neg', -2, 7)\n",
    "import": "from solution import Bad, g\ntry:\n    g(-1)\n    assert False\nexcept (KeyError, Bad) as e:\n    assert str(e) == 'bad -1'\n",
    "base": "from solution import AppError, g\nimport pytest\nwith pytest.raises(AppError): g(-1)\n"
    "with pytest.raises(ValueError) as e: g(-1)\nassert str(e.value) == 'bad -1' and g(3) == 3",
    "class": "assert issubclass(Bad, ValueError) and issubclass(Bad, AppError) and not issubclass(AppError, Bad)\n"
    "e = Bad(3)\nassert isinstance(e, Bad) and e.x == 3 and str(e) == 'bad 3' and Bad.code == 7 and g(1) == 1",
    "type": "try:\n    g(-1)\n    assert False\nexcept Exception as e:\n"
    "    assert type(e) is Bad and type(e).__name__ == 'Bad' and isinstance(e, AppError)",
}
INNER = (
    "class Box:\n    class Full(Exception): pass\n    def add(self, x):\n        raise Box.Full(f'no {x}')\n"
)
OF_INNER = {
    "raises": "import pytest\ndef test_it():\n    with pytest.raises(Box.Full, match='no 3'):\n        Box().add(3)\n",
    "except": "try:\n    Box().add(3)\n    assert False\nexcept Box.Full as e:\n    assert str(e) == 'no 3'\n",
}
LONG = "try:\n    f(1)\n    assert False\nexcept ValueError as e:\n    assert str(e) == 1000 * 'x'"
WRONG = {
    "another class": "def g(x):\n    if x < 0: raise Other('bad -1')\n    return x\n",
    "a class of Python": "def g(x):\n    if x < 0: raise RuntimeError('bad -1')\n    return x\n",
    "no error": "def g(x): return x\n",
    "a returned error": "def g(x): return Bad(x) if x < 0 else x\n",
    "changed later": "def g(x):\n    global Bad\n    Other.__name__ = 'No'\n    Bad = Other\n"
    "    if x < 0: raise Other('bad -1')\n    return x\n",
    "a class that says yes": "class M(type):\n    __subclasscheck__ = __instancecheck__ = lambda *a: True\n"
    "class E(Exception, metaclass=M):\n    __class__ = property(lambda s: Bad)\n"
    "def g(x):\n    if x < 0: raise E('bad -1')\n    return x\n",
    "a base that ends programs": "def g(x):\n    class Bad(BaseException): pass\n    if x < 0: raise Bad('bad -1')\n    return x\n",
}


@pytest.mark.parametrize("name", TESTS)
def test_a_class_of_the_program_is_expected_by_name(name: str) -> None:
    assert reason_for_code(TESTS[name], PROGRAM) == "right"


@pytest.mark.parametrize("name", OF_INNER)
def test_a_class_inside_a_class_of_the_program_is_expected_by_name(name: str) -> None:
    assert reason_for_code(OF_INNER[name], INNER) == "right"
    for wrong in ("pass", "raise ValueError(f'no {x}')", "raise AssertionError(f'no {x}')"):
        program = INNER.replace("raise Box.Full(f'no {x}')", wrong)
        assert reason_for_code(OF_INNER[name], program) in ("wrong_answer", "runtime_error")
    caught = "class Box:\n    Full = AssertionError\n    def add(self, x): pass\n"
    assert reason_for_code(OF_INNER[name], caught) != "right"


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", ["pytest", "unittest", "except", "type"])
def test_only_an_exception_of_that_class_is_one(name: str, wrong: str) -> None:
    assert reason_for_code(TESTS[name], BAD + WRONG[wrong]) in ("wrong_answer", "runtime_error")


@pytest.mark.parametrize(
    ("test", "right", "wrong"),
    [
        (
            "try:\n    f(1)\n    assert False\nexcept RuntimeError as e:\n"
            "    assert isinstance(e.__cause__, ValueError) and str(e.__cause__) == 'low'",
            "def f(x):\n    try: raise ValueError('low')\n    except ValueError as e: raise RuntimeError('no') from e",
            "def f(x): raise RuntimeError('no') from KeyError('low')",
        ),
        (
            "try:\n    f(1)\n    assert False\nexcept KeyError as e:\n"
            "    assert isinstance(e.__context__, ValueError) and e.__cause__ is None",
            "def f(x):\n    try: raise ValueError('low')\n    except ValueError: raise KeyError('no')",
            "def f(x): raise KeyError('no')",
        ),
        (
            "def boom(): raise Bad(4)\nassert f(boom) == 4\nimport pytest\nwith pytest.raises(KeyError):\n"
            "    f(lambda: {}[1])",
            BAD + "def f(g):\n    try: return g()\n    except Bad as e: return e.x",
            BAD + "def f(g):\n    try: return g()\n    except Other as e: return e.x",
        ),
        (
            "assert retry(lambda: 3, Bad) == 3 and retry(lambda: g(-5), Bad) == -5",
            PROGRAM + "def retry(f, error):\n    try: return f()\n    except error as e: return e.x",
            PROGRAM + "def retry(f, error):\n    try: return f()\n    except error as e: return 5",
        ),
        (
            "import json\ntry:\n    f('{')\n    assert False\nexcept json.JSONDecodeError as e:\n    assert e.pos == 1",
            "import json\ndef f(s): return json.loads(s)",
            "def f(s): raise ValueError(s)",
        ),
    ],
)
def test_causes_callbacks_and_classes_as_arguments(test: str, right: str, wrong: str) -> None:
    assert reason_for_code(test, right) == "right"
    assert reason_for_code(test, wrong) in ("wrong_answer", "runtime_error")


@pytest.mark.parametrize("name", ["pytest", "except"])
def test_a_program_without_the_class_is_wrong(name: str) -> None:
    program = PROGRAM.replace("Bad", "Evil")
    assert reason_for_code(TESTS[name], program) in ("wrong_answer", "runtime_error")


VAGUE = "try:\n    g(-1)\n    assert False\nexcept Bad:\n    pass\nassert g(1) == 1"
FORGE = "import or1_channel, json, os\ndef forge(table):\n    or1_channel._or1_send(json.dumps({'ready': True, 'errors': table}).encode())\n"


@pytest.mark.parametrize(
    "bad",
    [
        "Bad = AssertionError",
        "Bad = Exception",
        "Bad = BaseException",
        "class Bad(AssertionError): pass",
        "import unittest\nBad = unittest.TestCase.failureException",
        FORGE
        + "forge({'classes': [['AssertionError', 'builtins', ['ValueError']]], 'names': {'Bad': 0}, 'missing': []})",
        FORGE + "forge({'classes': [], 'names': {'Bad': 'AssertionError'}, 'missing': []})",
        FORGE + "forge({'classes': [], 'names': {'Bad': 'SystemExit'}, 'missing': []})",
        "class Meta(type(Exception)):\n    __instancecheck__ = __subclasscheck__ = lambda *a: True\n"
        "class Bad(Exception, metaclass=Meta): pass",
    ],
)
def test_a_failed_check_is_not_the_exception_that_is_expected(bad: str) -> None:
    assert reason_for_code(VAGUE, f"{bad}\ndef g(x): return x") != "right"
    assert reason_for_code(TESTS["unittest"], f"{bad}\ndef g(x): return x") != "right"
    assert reason_for_code(VAGUE, PROGRAM) == "right"


@pytest.mark.parametrize(("name", "module"), [("StopIteration", "builtins"), ("SkipTest", "unittest.case"),
                                              ("_ShouldStop", "unittest.case"), ("StopAsyncIteration", "builtins"),
                                              ("Forged", "solution")])  # fmt: skip
def test_a_class_that_ends_loops_or_tests_is_not_raised_by_its_name(name: str, module: str) -> None:
    program = f"class E(ValueError): pass\nE.__name__, E.__module__ = {name!r}, {module!r}\ndef g(x):\n    if x > 1: raise E\n    return x"
    looped = "for x in map(g, [1, 2]):\n    assert x == 1\nassert g(1) == 1"
    cased = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): self.assertEqual(g(2), 5)\nassert g(1) == 1"
    for test in (looped, cased):
        assert reason_for_code(test, program) in ("runtime_error", "wrong_answer")


def test_a_long_text_is_whole() -> None:
    assert reason_for_code(LONG, "def f(x): raise ValueError(1000 * 'x')") == "right"
    assert reason_for_code(LONG, "class E(ValueError): pass\ndef f(x): raise E(1000 * 'x')") == "right"
    assert reason_for_code(LONG, "def f(x): raise ValueError(999 * 'x' + 'y')") == "wrong_answer"


def test_an_exception_of_the_setup_keeps_its_attributes() -> None:
    setup = "class Low(Exception):\n    def __init__(self, code):\n        super().__init__(f'code {code}')\n        self.code = code\n"
    tests = {
        "setup": setup,
        "tests": [
            "try:\n    f(3)\n    assert False\nexcept Low as e:\n    assert e.code == 3 and str(e) == 'code 3'"
        ],
    }
    assert code.verify(tests, as_response("def f(x): raise Low(x)")).reason == "right"
    assert code.verify(tests, as_response("def f(x): raise Low(x + 1)")).reason == "wrong_answer"


def test_a_table_gives_the_names_and_the_bases_of_classes() -> None:
    class AError(KeyError):
        pass

    class BError(AError):
        pass

    table = error_table({"B": BError, "E": ValueError, "f": len, "S": StopIteration}, ["B", "E", "S", "f"])
    assert table["names"] == {"B": 1, "E": "ValueError"}
    named = ErrorClasses(table, None, {}).named
    assert issubclass(named["B"], KeyError)
    assert not issubclass(named["B"], ValueError)
    assert (named["E"], named["B"].__name__) == (ValueError, "BError")


@pytest.mark.parametrize(
    "table",
    [
        {"classes": [["A", "m", ["StopIteration"]]], "names": {"A": 0}},
        {"classes": [["A", "m", ["SystemExit"]]], "names": {"A": 0}},
        {"classes": [["A", "m", ["int"]]], "names": {}},
        {"classes": [["A", "m", [3]]], "names": {}},
        {"classes": [], "names": {"A": "print"}},
        {"classes": [], "names": {"A": -1}},
        {"classes": 3, "names": {}},
        [],
        {"names": {}},
    ],
)
def test_a_forged_table_is_refused(table: object) -> None:
    with pytest.raises(TransferError, match="malformed table"):
        ErrorClasses(table, None, {})


CHAINED = (
    "class Short(Exception):\n    def __init__(self, needed, at):\n        super().__init__(needed, at)\n        self.needed = needed\n"
    "class Failed(Exception):\n    def __init__(self, why):\n        super().__init__(why)\n        self.why = why\n"
    "    def __contains__(self, key): return True\n"
    "def take(n):\n    if n > 3: raise Short(n, [1, (2, 3)])\n    return n\n"
    "def move(n):\n    try:\n        return take(n)\n    except Short as e:\n        raise Failed('no') from e\n"
)
MOVED = "import pytest\nassert move(1) == 1\nwith pytest.raises(Failed) as e: move(9)\n"


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("assert isinstance(e.value.__cause__, Short) and e.value.__cause__.needed == 9", "right"),
        ("assert e.value.__cause__.needed == 8", "wrong_answer"),
        ("assert e.value.__cause__.args == (9, [1, (2, 3)])", "right"),  # nested values keep their types
        ("assert e.value.__cause__.args == (9, [1, [2, 3]])", "wrong_answer"),
        ("assert e.value and e.value.why == 'no'", "right"),
        ("assert 'x' in e.value", "bad_tests"),  # it could say yes to all
        ("assert len(e.value) == 1", "bad_tests"),
    ],
)
def test_causes_and_arguments_are_the_programs(check: str, reason: str) -> None:
    assert reason_for_code(MOVED + check, CHAINED) == reason
