"""Calls of tests that use up an iterator of the program. Standard library only: see `rpc`.

In `list(numbers())` nothing of the tests runs between two elements. Only there, elements are fetched together
with the one before them: in any other loop the tests may stop, or ask the program for its state.
"""

from __future__ import annotations

import ast
from typing import Any

from or1_verify.code.rpc_objects import RemoteObject, Whole

_CONSUME = "_or1_consume"
_CONSUMERS: dict[str, tuple[Any, str]] = {
    **{function.__name__: (function, "all") for function in (list, tuple, sorted)},
    **{function.__name__: (function, "numbers") for function in (set, frozenset, sum, min, max)},
}
"""Functions by name, with the elements after which they never stop: `set([1, []])` stops at the list."""
_REWRITTEN = frozenset({*_CONSUMERS, type.__name__})


def with_consumers(tree: ast.Module, scope: dict[str, Any]) -> ast.Module:
    """The same code, to be executed in this scope, whose consumers of iterators fetch elements together."""
    scope[_CONSUME] = consume
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _REWRITTEN:
            is_one = len(node.args) == 1 and not isinstance(node.args[0], ast.Starred)
            if is_one and not node.keywords:
                node.args.insert(0, node.func)
                node.func = ast.copy_location(ast.Name(_CONSUME, ast.Load()), node.func)
    return tree


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
