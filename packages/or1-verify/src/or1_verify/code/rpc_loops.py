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

from or1_verify.code.rpc_objects import RemoteObject
from or1_verify.code.rpc_operators import Whole

_CONSUME = "_or1_consume"
_CONSUMERS: dict[str, tuple[Any, str]] = {
    **{function.__name__: (function, "all") for function in (list, tuple, sorted)},
    **{function.__name__: (function, "numbers") for function in (set, frozenset, sum, min, max)},
}
"""Functions by name, with the elements after which they never stop: `set([1, []])` stops at the list."""
_SEED = "_or1_seed"
_SEEDED = {"random.seed": "random", "np.random.seed": "numpy.random", "numpy.random.seed": "numpy.random"}
"""The module of a function, as tests write it."""
_REWRITTEN = frozenset({*_CONSUMERS, type.__name__})


def rewritten(tree: ast.Module, scope: dict[str, Any], seeds: list[list[Any]]) -> ast.Module:
    """The same code, to be executed in this scope.

    Consumers of iterators fetch elements together, and seeds of random numbers are noted for the program.
    """
    scope[_CONSUME] = consume

    def seed(function: Any, module: str, *args: Any, **kwargs: Any) -> Any:
        seeds[:] = [each for each in seeds if each[0] != module]
        seeds.extend([module, value] for value in (*args, *kwargs.values()) if type(value) in (int, str))
        return function(*args, **kwargs)

    scope[_SEED] = seed
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        is_seed = isinstance(called, ast.Attribute) and called.attr == "seed"
        if is_seed and (module := _SEEDED.get(ast.unparse(called))):
            node.args[:0] = [called, ast.copy_location(ast.Constant(module), called)]
            node.func = ast.copy_location(ast.Name(_SEED, ast.Load()), called)
        elif isinstance(called, ast.Name) and called.id in _REWRITTEN:
            is_one = len(node.args) == 1 and not isinstance(node.args[0], ast.Starred)
            if is_one and not node.keywords:
                node.args.insert(0, called)
                node.func = ast.copy_location(ast.Name(_CONSUME, ast.Load()), called)
    return tree


def set_seeds(seeds: Iterable[Any]) -> None:
    """Set the seeds of the tests on the program's side, in the libraries that it has loaded."""
    for module, value in seeds:
        if module.partition(".")[0] in sys.modules:
            importlib.import_module(module).seed(value)


def consume(function: Any, iterable: Any) -> Any:
    """`function(iterable)`, where the tests may have given a name of Python to a function of their own."""
    if type(iterable) is not RemoteObject:
        return function(iterable)
    if function is type:
        return iterable._or1_type()
    for known, kind in _CONSUMERS.values():
        if function is known:
            return function(Whole(iterable, kind))
    return function(iterable)
