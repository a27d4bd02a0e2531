"""Runs test functions and test classes as pytest and unittest do, inside the tester's process.

Standard library only: this code is sent to the sandbox, where pytest need not be installed. A module that
stands in for pytest has `raises`, `approx`, `fixture`, `mark`, `param`, `fail` and `skip`; unittest is
Python's own, whose runners do nothing, because each test case is run here.
"""

from __future__ import annotations

import re
import sys
import types
import unittest
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from numbers import Number
from typing import Any, NoReturn

from or1_verify.code.rpc_errors import UnsupportedTestsError


class _SkippedError(Exception):
    pass


def install(scope: dict[str, Any]) -> None:
    """Provide the module `pytest`, also in this scope, and replace the runners of unittest."""
    module = types.ModuleType("pytest")
    vars(module).update(
        raises=raises, approx=_Approx, fixture=_fixture, mark=_Marks(), param=_Param, fail=_fail, skip=_skip,
        main=lambda *_, **__: 0, importorskip=__import__, __getattr__=_missing,
    )  # fmt: skip
    sys.modules["pytest"] = scope["pytest"] = module
    empty = unittest.TestResult
    vars(unittest)["main"] = vars(unittest)["TextTestRunner"].run = lambda *_, **__: empty()


def run_cases(scope: Mapping[str, Any], names: Sequence[str]) -> None:
    """Run the test functions and test classes of these names; raises the first failure."""
    module = types.SimpleNamespace(**scope)
    _call(module, "setup_module")
    for name in names:
        found = scope[name]
        if isinstance(found, type) and issubclass(found, unittest.TestCase):
            _run_test_case(found)
        elif isinstance(found, type) and name.startswith("Test"):
            _run_class(found, scope)
        elif isinstance(found, types.FunctionType):
            _call(module, "setup_function")
            _run_function(found, scope)
            _call(module, "teardown_function")


class _FirstFailure(unittest.TestResult):
    error: BaseException | None = None

    def _keep(self, error: Any) -> None:
        self.error = self.error or error[1]
        self.stop()

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 - a name of unittest
        self._keep(err)

    addFailure = addError  # noqa: N815

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        if err is not None:
            self._keep(err)

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        self.error = self.error or AssertionError("a test that should fail passes")


def _run_test_case(cls: type[unittest.TestCase]) -> None:
    result = _FirstFailure()
    unittest.defaultTestLoader.loadTestsFromTestCase(cls).run(result)
    if result.error is not None:
        raise result.error


def _run_class(cls: type, scope: Mapping[str, Any]) -> None:
    _call(cls, "setup_class")
    for name in dict.fromkeys(name for each in reversed(cls.__mro__) for name in vars(each)):
        if name.startswith("test"):
            instance = cls()
            _call(instance, "setup_method")
            _run_function(getattr(instance, name), scope, instance)
            _call(instance, "teardown_method")
    _call(cls, "teardown_class")


def _call(owner: Any, name: str) -> None:
    """Call a method or function if there is one; pytest passes the test or module to those that take it."""
    if hasattr(owner, name):
        method = getattr(owner, name)
        method(*[None] * (method.__code__.co_argcount - isinstance(method, types.MethodType)))


def _run_function(function: Any, scope: Mapping[str, Any], instance: Any = None) -> None:
    marks = [*_marks_of(function), *(_marks_of(type(instance)) if instance is not None else [])]
    if any(mark.skips for mark in marks):
        return
    fixtures = _fixtures(function, scope, instance)
    choices = [_parameters(*mark.args[:2]) for mark in marks if mark.name == "parametrize"]
    choices += [
        [{f"param of {name}": value} for value in each.params]
        for name, each in fixtures.items()
        if each.params
    ]
    for chosen in product(*choices):
        given: dict[str, Any] = {}
        for values in chosen:
            given |= values
        values = _Values(given, fixtures, instance)
        try:
            for name, each in fixtures.items():
                if each.autouse:
                    values[name]
            function(**{name: values[name] for name in _needed(function)})
        except (_SkippedError, unittest.SkipTest):
            continue
        finally:
            values.close()


def _marks_of(owner: Any) -> list[_Mark]:
    return list(owner.or1_marks) if hasattr(owner, "or1_marks") else []


def _parameters(names: Any, rows: Any) -> list[dict[str, Any]]:
    """The arguments of each run: `"a, b"` or a list of names, and one row of values for each run."""
    split = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    found = []
    for row in rows:
        if type(row) is _Param and row.skips:
            continue
        is_alone = len(split) == 1 and isinstance(names, str)
        values = row.values if type(row) is _Param else [row] if is_alone else row
        found.append(dict(zip(split, values, strict=True)))
    return found


def _needed(function: Any) -> list[str]:
    """Names of the arguments that have no default value, without `self`."""
    code = function.__code__
    names = list(code.co_varnames[: code.co_argcount])[: code.co_argcount - len(function.__defaults__ or ())]
    return names[isinstance(function, types.MethodType) or names[:1] == ["self"] :]


def _fixtures(function: Any, scope: Mapping[str, Any], instance: Any) -> dict[str, _Fixture]:
    """The fixtures that a test function uses, by name: those of its class before those of the module."""
    places = [scope, *(vars(cls) for cls in reversed(type(instance).__mro__))]
    known = {
        each.name or name: each for place in places for name, each in place.items() if type(each) is _Fixture
    }
    found = {name: each for name, each in known.items() if each.autouse}
    pending = [*_needed(function), *(name for each in found.values() for name in _needed(each.function))]
    for name in pending:
        if name in known and name not in found:
            found[name] = known[name]
            pending += _needed(known[name].function)
    return found


class _Values(dict[str, Any]):
    """The arguments of one run of a test function; a fixture is called when it is first used."""

    def __init__(self, given: dict[str, Any], fixtures: Mapping[str, _Fixture], instance: Any) -> None:
        super().__init__(given)
        self._fixtures, self._instance = fixtures, instance
        self._open: list[Iterator[Any]] = []

    def __missing__(self, name: str) -> Any:
        if name not in self._fixtures:
            raise UnsupportedTestsError(f"there is no fixture {name!r}")
        fixture = self._fixtures[name]
        function, needed = fixture.function, _needed(fixture.function)
        place = type(self._instance) if fixture.scope == "class" else None
        if place in fixture.kept:
            return fixture.kept[place][0]
        request = types.SimpleNamespace(param=self[f"param of {name}"] if fixture.params else None)
        owner = [self._instance] if function.__code__.co_varnames[:1] == ("self",) else []
        given = function(*owner, **{each: request if each == "request" else self[each] for each in needed})
        is_open = type(given) is types.GeneratorType  # a stand-in may refuse to tell its class
        self[name] = next(given) if is_open else given
        if fixture.scope != "function" and not fixture.params:
            fixture.kept[place] = self[name], given  # the generator waits as long as its value is used
        elif is_open:
            self._open.append(given)
        return self[name]

    def close(self) -> None:
        """Resume the fixtures that wait at a `yield`, the latest first."""
        while self._open:
            next(self._open.pop(), None)


class _Fixture:
    params: Sequence[Any] | None = None
    autouse, name, scope = False, "", "function"

    def __init__(self, function: Any, ids: Any = None, **settings: Any) -> None:
        self.function, self.kept = function, dict[Any, tuple[Any, Any]]()
        vars(self).update(settings)


def _fixture(function: Any = None, **settings: Any) -> Any:
    if function is not None:
        return _Fixture(function)
    return lambda function: _Fixture(function, **settings)


class _Param:
    def __init__(self, *values: Any, id: Any = None, marks: Any = ()) -> None:
        self.values = values
        self.skips = any(mark.skips for mark in (marks if isinstance(marks, list | tuple) else [marks]))


class _Mark:
    """`pytest.mark.NAME`, with or without arguments."""

    def __init__(self, name: str, args: tuple[Any, ...] = ()) -> None:
        self.name, self.args = name, args
        self.skips = name in ("skip", "xfail") or (name == "skipif" and bool(args) and bool(args[0]))

    def __call__(
        self, *args: Any, argnames: Any = None, argvalues: Any = None, indirect: Any = False, **_: Any
    ) -> Any:
        if indirect or self.name == "usefixtures":
            raise UnsupportedTestsError("parametrize with indirect=, and usefixtures, are not available")
        if len(args) == 1 and isinstance(args[0], types.FunctionType | type):
            marked: Any = args[0]
            marked.or1_marks = [*_marks_of(marked), self]
            return marked
        named = [each for each in (argnames, argvalues) if each is not None]
        return _Mark(self.name, (*args, *named))


class _Marks:
    def __getattr__(self, name: str) -> _Mark:
        return _Mark(name)


class raises:  # noqa: N801 - a name of pytest
    """The context manager and function `pytest.raises`."""

    def __new__(cls, expected: Any, *args: Any, match: str | None = None, **kwargs: Any) -> Any:
        manager = super().__new__(cls)
        manager.expected, manager.match_text = expected, match
        if not args:
            return manager
        with manager:
            args[0](*args[1:], **kwargs)
        return manager

    expected: Any
    match_text: str | None
    type: Any = None
    value: Any = None

    @property
    def typename(self) -> str:
        return str(self.type.__name__)

    def __enter__(self) -> raises:
        return self

    def __exit__(self, kind: Any, value: Any, _: Any) -> bool:
        if kind is None:
            raise AssertionError(f"did not raise {self.expected!r}")
        if not issubclass(kind, self.expected):
            return False
        self.type, self.value = kind, value
        return self.match_text is None or self.match(self.match_text)

    def match(self, pattern: str) -> bool:
        assert re.search(pattern, str(self.value)), f"{str(self.value)[:200]!r} does not match {pattern!r}"
        return True


class _Approx:
    """`pytest.approx`: numbers within max(`rel` x expected, `abs`), alone or in lists and dictionaries."""

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expected: Any, rel: Any = None, abs: Any = None, nan_ok: bool = False) -> None:
        self.expected, self.nan_ok = expected, nan_ok
        self.abs = 1e-12 if abs is None else abs
        self.rel = (1e-6 if abs is None else 0.0) if rel is None else rel

    def __eq__(self, other: object) -> bool:
        return self._same(other, self.expected)

    def __repr__(self) -> str:
        return f"approx({self.expected!r})"

    def _same(self, value: Any, expected: Any) -> bool:
        value, expected = _without_array(value), _without_array(expected)
        if isinstance(expected, Mapping):
            same_keys = isinstance(value, Mapping) and value.keys() == expected.keys()
            return same_keys and all(self._same(value[key], expected[key]) for key in expected)
        if isinstance(expected, list | tuple):
            same_length = isinstance(value, list | tuple) and len(value) == len(expected)
            return same_length and all(map(self._same, value, expected))
        if isinstance(expected, bool | str) or expected is None or value == expected:
            return bool(value == expected)
        if expected != expected:
            return self.nan_ok and bool(value != value)
        if not isinstance(value, Number) or abs(expected) == float("inf"):
            return False
        return bool(abs(value - expected) <= max(self.rel * abs(expected), self.abs))


def _without_array(value: Any) -> Any:
    numpy: Any = sys.modules.get("numpy")
    return value.tolist() if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic) else value


def _fail(reason: str = "", pytrace: bool = True, msg: str = "") -> NoReturn:
    raise AssertionError(reason or msg)


def _skip(reason: str = "", **_: Any) -> NoReturn:
    raise _SkippedError(reason)


def _missing(name: str) -> Callable[..., Any]:
    if name.startswith("__"):  # `from pytest import raises` asks for `__path__`
        raise AttributeError(name)
    raise UnsupportedTestsError(f"pytest.{name} is not available")
