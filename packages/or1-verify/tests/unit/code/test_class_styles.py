"""Correct classes in the ways that tests use them: paid, or not judged, and never counted as wrong.

Each `wrong` program has one fault that the tests catch: it is not paid either.
"""

# ruff: noqa: E501 - programs in one line

from __future__ import annotations

import pytest

from or1_verify import code
from or1_verify.code.program import as_response

IMAGE = "import numpy as np\nclass Image:\n    def __init__(self, p): self.p = np.array(p)\n"
IMAGE += "    @classmethod\n    def blank(cls, n): return cls([{0}] * n)\n    def twice(self): return Image(self.p * 2)\n"
IMAGE += "    def __array__(self, dtype=None, copy=None): return self.p\n"
BAG = "class Bag:\n    def __init__(self, xs): self.xs = set(xs)\n    def __len__(self): return len(self.xs) + {0}\n"
BAG += "    def __isub__(self, other):\n        self.xs -= set(other)\n        return self\n"
PAIR = "class Pair:\n    def __init__(self, re, im): self.re, self.im = re, im\n"
PAIR += "    def __complex__(self): return complex(self.re, self.im + {0})\n"
MEMO = "import functools\nclass Memo:\n    def __init__(self, f): functools.update_wrapper(self, f); self.f = f\n"
MEMO += "    def __call__(self, *a): return self.f(*a) + {0}\n"
BAD = "class BadText(SyntaxError): pass\ndef read(s): raise BadText('bad ' + s{0})\n"
LINKED = "class ListNode:\n    def __init__(self, val=0, next=None): self.val, self.next = val, next\nclass Chain:\n"
LINKED += "    head = None\n    def is_ring(self): return self.head.next.next is self.head{0}\n"


@pytest.mark.parametrize(
    ("program", "wrong", "test", "names"),
    [
        (IMAGE, ("1", "2"), "import numpy as np\nassert np.sum(Image.blank(3)) == 3", ["Image"]),
        (IMAGE, ("1", "2"), "import numpy as np\nassert np.asarray(Image.blank(2).twice()).tolist() == [2, 2]", ["Image"]),
        (BAG, ("0", "1"), "s = Bag([1, 3])\ns -= [3]\nassert len(s) == 1 and s.xs == {1}", ["Bag"]),
        (PAIR, ("0", "1"), "c = Pair(1, 2)\nassert complex(c) == 1 + 2j and c.re == 1", ["Pair"]),
        (MEMO, ("0", "1"), "@Memo\ndef sq(x):\n    'Square.'\n    return x * x\nassert sq(3) == 9 and sq.__doc__ == 'Square.'", ["Memo"]),
        (BAD, ("", " + '!'"), "try:\n    read('x')\nexcept BadText as e:\n    assert e.msg == 'bad x'\nelse:\n    assert False", ["read", "BadText"]),
        (LINKED, ("", " or True"), "c = Chain()\nc.head = ListNode(1, ListNode(2))\nassert not c.is_ring()\nc.head.next.next = c.head\nassert c.is_ring()", ["ListNode", "Chain"]),
    ],
)  # fmt: skip
def test_a_style_is_paid_where_the_class_is_right(
    program: str, wrong: tuple[str, str], test: str, names: list[str]
) -> None:
    right, fault = (program.replace("{0}", each) for each in wrong)
    tests = {"tests": [test], "names": names}
    verdict = code.verify(tests, as_response(right))
    assert verdict.reason == "right", verdict.detail
    assert code.verify(tests, as_response(fault)).reason == "wrong_answer"


POINT = "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 0\n"
SHAPE = "from abc import ABC, abstractmethod\nclass S(ABC):\n    @abstractmethod\n    def a(self): ...\n"
DOGS = "registry = {}\nclass A: pass\nclass Dog(A):\n    def __init__(self): self.n = 1\nregistry['dog'] = Dog\ndef get(): return Dog\n"
DOGS += "def register(cls):\n    registry[cls.__name__] = cls\n    cls.tag = 'x'\n    return cls\n"
POS = "class Pos:\n    def __set_name__(self, owner, name): self.n = '_' + name\n    def __get__(self, o, cls=None): return getattr(o, self.n, 0)\n"
ASYNC = "class R:\n    async def run(self, x): return 2 * x\n"
VERSION = "class V:\n    def __init__(self, n): self.n = n\n    @classmethod\n    def parse(cls, s): return cls(int(s))\n"
VERSION += "    def __lt__(self, o): return self.n < o.n\n    def __eq__(self, o): return self.n == o.n\n    def __truediv__(self, o): return V(self.n * o)\n    def __str__(self): return str(self.n)\n"
LOG = "import logging\ndef f(): logging.getLogger('x').warning('low')\n"
GENERIC = "from typing import Generic, Protocol, TypeVar, runtime_checkable\nT = TypeVar('T')\nclass Maybe(Generic[T]): pass\n"
GENERIC += "@runtime_checkable\nclass HasLen(Protocol):\n    def __len__(self): ...\n"
SHOW = "class R:\n    def show(self, file=None): print('hi', file=file)\n"
MAIL = "class M:\n    def send(self, to): raise OSError\ndef f(m): return m.send('a')\n"


@pytest.mark.parametrize(
    ("program", "test"),
    [
        (POINT, "from dataclasses import is_dataclass\nassert is_dataclass(P)"),
        (POINT, "import dataclasses\np = P(3)\nassert dataclasses.asdict(p) == {'x': 3}"),
        (POINT, "match P(1):\n    case P(x=v): assert v == 1\n    case _: assert False"),
        (SHAPE, "import inspect\nassert inspect.isabstract(S)"),
        (SHAPE, "assert isinstance(S, type)"),
        (SHAPE, "assert 'a' in dir(S)"),
        (DOGS, "assert Dog.__base__ is A"),
        (DOGS, "assert A.__subclasses__() == [Dog]"),
        (DOGS, "@register\nclass Cat:\n    pass\nassert Cat.tag == 'x'"),
        (DOGS, "import weakref, gc\nd = Dog()\nw = weakref.ref(d)\ndel d\ngc.collect()\nassert w() is None"),
        (DOGS, "d = Dog()\nassert d.__dict__ is vars(d)"),
        (POS, "class Box:\n    side = Pos()\nassert Box().side == 0"),
        (ASYNC, "import asyncio\nassert asyncio.run(R().run(4)) == 8"),
        (ASYNC, "import asyncio\nasync def main():\n    r = R()\n    return await asyncio.gather(*(r.run(i) for i in range(2)))\nassert asyncio.run(main()) == [0, 2]"),
        (VERSION, "assert [v.n for v in sorted([V.parse('2'), V.parse('1')])] == [1, 2]"),
        (VERSION, "g = V.parse('3')\nassert g == V.parse('3') and g.n == 3"),
        (VERSION, "p = V.parse('3')\nassert str(p / 2) == '6' and p.n == 3"),
        (LOG, "import logging\nseen = []\nclass H(logging.Handler):\n    def emit(self, r): seen.append(r.getMessage())\nlogging.getLogger('x').addHandler(H())\nf()\nassert seen == ['low']"),
        (GENERIC, "from typing import get_args\nassert get_args(Maybe[int]) == (int,)"),
        (GENERIC, "class Box:\n    def __len__(self): return 1\nassert isinstance(Box(), HasLen)"),
        (SHOW, "import io\nr, out = R(), io.StringIO()\nr.show()\nr.show(file=out)\nassert out.getvalue() == 'hi\\n'"),
        (MAIL, "from unittest.mock import Mock\nm = Mock(spec=M)\nm.send.return_value = 3\nassert f(m) == 3"),
    ],
)  # fmt: skip
def test_a_style_that_needs_the_class_itself_is_not_judged(program: str, test: str) -> None:
    verdict = code.verify({"tests": [test]}, as_response(program))
    assert verdict.reason == "bad_tests", verdict.detail


@pytest.mark.parametrize(
    "test",
    [
        "class T:\n    side = Pos\nassert T.side().n == 1",
        "import dataclasses\n@dataclasses.dataclass\nclass T:\n    x: int\nassert dataclasses.asdict(T(f(2))) == {'x': 3}",
        "assert isinstance(f(2), int) and type(Pos()) is Pos",
        "import pytest\nwith pytest.raises(Low) as info:\n    fail()\nassert info.type is Low",
    ],
)
def test_the_same_of_what_is_the_tests_own_is_judged(test: str) -> None:
    program = "class Pos:\n    def __init__(self): self.n = 1\ndef f(x): return x + 1\nclass Low(Exception): pass\ndef fail(): raise Low\n"
    verdict = code.verify({"tests": [test]}, as_response(program))
    assert verdict.reason == "right", verdict.detail


def test_an_object_in_place_of_a_number_is_not_believed_after_its_own_difference() -> None:
    program = "class N:\n    def __isub__(self, o): return self\n    def __abs__(self): return 0.0\ndef area(r): return N()\n"
    test = "a = area(2)\na -= 12.57\nassert abs(a) < 0.01"
    assert code.verify({"tests": [test]}, as_response(program)).reason == "wrong_answer"


def test_a_maker_of_a_class_that_answers_yes_is_not_believed() -> None:
    """What a class method returns may stand in place of a value."""
    program = "class S:\n    @classmethod\n    def tags(cls, x): return cls()\n"
    program += "    def __contains__(self, x): return True\n    def __eq__(self, o): return True\n"
    program += "    issubset = startswith = __lt__ = __eq__\n"
    for check in ("5 in S.tags(1)", "S.tags(1) == 5", "S.tags(1).issubset({5})", "S.tags(1) < 7"):
        assert code.verify({"tests": [f"assert {check}"]}, as_response(program)).reason != "right", check
