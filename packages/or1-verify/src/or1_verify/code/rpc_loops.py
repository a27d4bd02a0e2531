"""Calls of tests that mean more in one process. Standard library only: see `rpc`.

In `list(numbers())` nothing of the tests runs between two elements. Only there, elements are fetched together
with the one before them: in any other loop the tests may stop, or ask the program for its state.
`random.seed(3)` decides what the program draws next.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterable
from typing import Any

from or1_verify.code.rpc_error_classes import remote_of
from or1_verify.code.rpc_objects import RemoteObject
from or1_verify.code.rpc_operators import Whole

_CONSUME = "_or1_consume"
_CONSUMERS: dict[str, tuple[Any, str]] = {
    **{function.__name__: (function, "all") for function in (list, tuple, sorted)},
    **{function.__name__: (function, "numbers") for function in (set, frozenset, sum, min, max)},
}
"""Functions by name, with the elements after which they never stop: `set([1, []])` stops at the list."""
_SEED, _SAME = "_or1_seed", "_or1_same"
_SAME_CHECKS = {"assertIs": "assertTrue", "assertIsNot": "assertFalse"}
_SEEDED = {"random.seed": "random", "np.random.seed": "numpy.random", "numpy.random.seed": "numpy.random"}
"""The module of a function, as tests write it."""
_REWRITTEN = {**dict.fromkeys((*_CONSUMERS, type.__name__), 1), issubclass.__name__: 2}
"""Functions that are called in another way, and their number of arguments."""


def rewritten(tree: ast.Module, scope: dict[str, Any], seeds: list[list[Any]]) -> ast.Module:
    """The same code, to be executed in this scope.

    Consumers of iterators fetch elements together, and seeds of random numbers are noted for the program.
    """
    scope |= {_CONSUME: consume, _SAME: same}

    def seed(function: Any, module: str, *args: Any, **kwargs: Any) -> Any:
        seeds[:] = [each for each in seeds if each[0] != module]
        seeds.extend([module, value] for value in (*args, *kwargs.values()) if type(value) in (int, str))
        return function(*args, **kwargs)

    scope[_SEED] = seed
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left, [ast.Is() | ast.IsNot()], [ast.Name() | ast.Attribute() as other]):
                node.left = ast.Call(ast.Name(_SAME, ast.Load()), [left, other], [])
                node.comparators = [ast.Constant(True)]
            case ast.Call(ast.Attribute(attr=name) as check, [left, other, *_]) if name in _SAME_CHECKS:
                check.attr = _SAME_CHECKS[name]
                node.args[:2] = [ast.Call(ast.Name(_SAME, ast.Load()), [left, other], [])]
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        is_seed = isinstance(called, ast.Attribute) and called.attr == "seed"
        if is_seed and (module := _SEEDED.get(ast.unparse(called))):
            node.args[:0] = [called, ast.Constant(module)]
            node.func = ast.Name(_SEED, ast.Load())
        elif isinstance(called, ast.Name) and called.id in _REWRITTEN:
            is_whole = not any(isinstance(each, ast.Starred) for each in node.args)
            if is_whole and len(node.args) == _REWRITTEN[called.id] and not node.keywords:
                node.args.insert(0, called)
                node.func = ast.Name(_CONSUME, ast.Load())
    return ast.fix_missing_locations(tree)


def set_seeds(seeds: Iterable[Any]) -> None:
    """Set the seeds of the tests on the program's side, in the libraries that it has loaded."""
    for module, value in seeds:
        if module.partition(".")[0] in sys.modules:
            importlib.import_module(module).seed(value)


def same(one: Any, other: Any) -> bool:
    """Whether two objects are one: also an object of the program and a name that stands for it."""
    if type(one) is not type(other):  # a class of exceptions is made here
        one, other = (remote_of(each) or each for each in (one, other))
    if type(one) is not RemoteObject or type(other) is not RemoteObject:
        return one is other
    return bool(one._or1_token == other._or1_token)


def consume(function: Any, iterable: Any, *others: Any) -> Any:
    """`function(iterable)`, where the tests may have given a name of Python to a function of their own."""
    if others and function is issubclass and type(iterable) is RemoteObject and iterable._or1_is_named:
        iterable = iterable._or1_endpoint.facts.bases.get(iterable._or1_label, iterable)
    if type(iterable) is not RemoteObject or others:
        return function(iterable, *others)
    if function is type:
        return iterable._or1_type()
    for known, kind in _CONSUMERS.values():
        if function is known:
            return function(Whole(iterable, kind))
    return function(iterable)
