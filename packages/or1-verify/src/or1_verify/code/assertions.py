"""Statements of test code that can fail: which there are, and how often they ran.

Standard library only: the parent reads test code with this module, and the same code is sent to the tester.
A *check* is a statement whose failure ends a test: an assert, a call of a method `assert...`, a `with` block
that expects an exception, or a branch that raises. A check inside a `try` that catches AssertionError and
does not raise again, or in `with suppress(AssertionError)`, cannot fail, so it does not count. Neither does
an assert that is always true, such as `assert (f(1) == 2, "message")` and `assert f(1) == 2 or True`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_COUNTER = "_or1_count"
_ENDINGS = frozenset({"fail", "exit", "quit", "_exit", "abort"})
"""Functions that end a test as failed wherever they are called."""
_EXPECTING = ("raises", "warns", "assertRaises", "assertWarns", "assertLogs")
_OF_MOCKS = ("assert_called", "assert_any_call", "assert_has_calls", "assert_not_called")
"""Checks whose arguments may be constants: they ask for the calls of a Mock."""
_CATCH_ALL = frozenset({"AssertionError", "Exception", "BaseException"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def failing_functions(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Names of the functions and methods with a check in them, or in a function that they call."""
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, _Function)]
    found: frozenset[str] = frozenset()
    while True:
        more = {each.name for each in functions if can_fail(each.body, found)}
        if more <= found:
            return found
        found |= more


def can_fail(body: Sequence[ast.stmt], functions: frozenset[str]) -> bool:
    """Whether a block has a check, or names one of these functions; definitions in it do not count."""
    return any(_is_check(node) or _is_ending(node) or _names(node) & functions for node in _reachable(body))


def surely_fails(body: Sequence[ast.stmt], functions: frozenset[str]) -> bool:
    """Whether a check runs each time that the block does: one that no branch and no loop surrounds."""
    for node in body:
        called = node.value if isinstance(node, ast.Expr) else None
        if isinstance(called, ast.Call) and _name(called.func) in functions:
            return True
        if isinstance(node, ast.Assert | ast.Expr) and _is_check(node):
            return True
        if any(isinstance(each, ast.Return) for each in ast.walk(node)):
            return False
    return False


def sure_functions(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Names of the functions at the top level, without decorators, in which a check runs at each call."""
    functions = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    plain = [each for each in functions if not each.decorator_list]
    return frozenset(each.name for each in plain if surely_fails(each.body, frozenset()))


class CheckCounter:
    """Counts the checks of code that ran."""

    def __init__(self) -> None:
        self.num_checks = 0

    def counted(self, tree: ast.Module, scope: dict[str, Any]) -> ast.Module:
        """The same code, to be executed in this scope, which counts its checks here."""
        scope[_COUNTER] = self._count
        return _counted(tree)

    def _count(self) -> None:
        self.num_checks += 1


def _counted(tree: ast.Module) -> ast.Module:
    """The same code with a call of the counter before each check; line numbers stay the same."""
    checks = {id(node) for block in _blocks(tree) for node in _reachable(block) if _is_check(node)}
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and any(id(each) in checks for each in value):
                value[:] = [new for each in value for new in _with_counter(each, id(each) in checks)]
    return tree


def _with_counter(node: ast.stmt, is_check: bool) -> list[ast.stmt]:
    if not is_check:
        return [node]
    call = ast.Expr(ast.Call(ast.Name(_COUNTER, ast.Load()), [], []))
    return [ast.fix_missing_locations(ast.copy_location(call, node)), node]


def _blocks(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """The code at the top level, and the body of each definition."""
    yield tree.body
    for node in ast.walk(tree):
        if isinstance(node, _Definition):
            yield node.body


def _reachable(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block at any depth, without definitions and code whose failure is caught."""
    for node in body:
        if isinstance(node, _Definition):
            continue
        yield node
        is_caught = _suppresses(node) or (isinstance(node, ast.Try) and _catches_failures(node))
        for name, value in ast.iter_fields(node):
            if name in ("handlers", "cases"):
                for part in value:
                    yield from _reachable(part.body)
            elif name in ("body", "orelse", "finalbody") and isinstance(value, list):
                yield from () if is_caught and name == "body" else _reachable(value)


def _catches_failures(node: ast.Try) -> bool:
    for handler in node.handlers:
        names = {_name(each) for each in ast.walk(handler.type)} if handler.type else _CATCH_ALL
        if names & _CATCH_ALL:
            body = list(_reachable(handler.body))
            return not any(_is_ending(each) or isinstance(each, ast.Assert) for each in body)
    return False


def _suppresses(node: ast.stmt) -> bool:
    """Whether a failure in the `with` block ends with the block: `contextlib.suppress`."""
    calls = _calls(node) if isinstance(node, ast.With) else ()
    arguments = [each for call in calls if _name(call.func) == "suppress" for each in call.args]
    return any(_name(each) in _CATCH_ALL for argument in arguments for each in ast.walk(argument))


def _is_check(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant) and not _is_always_true(node.test)
    if isinstance(node, ast.With):
        called = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        if any(_name(call.func).startswith(_EXPECTING) for call in called):
            return True
    if isinstance(node, ast.If | ast.Try | ast.While | ast.For | ast.Match) and _has_ending(node):
        return True
    checks = [call for call in _calls(node) if _name(call.func).startswith("assert")]
    return any(_name(call.func).startswith(_OF_MOCKS) or not _is_constant(call) for call in checks)


def _has_ending(node: ast.stmt) -> bool:
    """Whether a branch of the statement ends the test as failed."""
    is_caught = isinstance(node, ast.Try) and _catches_failures(node)
    for name, value in ast.iter_fields(node):
        branches = [part.body for part in value] if name in ("handlers", "cases") else [value]
        if not isinstance(value, list) or name == "finalbody" or (is_caught and name == "body"):
            continue
        if any(_is_ending(each) for branch in branches for each in branch):
            return True
    return False


def _is_ending(node: ast.AST) -> bool:
    """Whether a statement fails wherever it runs."""
    if isinstance(node, ast.Assert):
        return isinstance(node.test, ast.Constant) and not node.test.value
    if isinstance(node, ast.Raise):
        return True
    return isinstance(node, ast.Expr) and any(_name(call.func) in _ENDINGS for call in _calls(node))


def _is_always_true(test: ast.expr) -> bool:
    """A true constant, a display that is not empty, a generator, a lambda, or one of them after `or`."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.BoolOp):
        fixed = map(_is_always_true, test.values)
        return any(fixed) if isinstance(test.op, ast.Or) else all(fixed)
    if isinstance(test, ast.Tuple | ast.List | ast.Set):
        return bool(test.elts)
    return isinstance(test, ast.GeneratorExp | ast.Lambda | ast.JoinedStr)


def _is_constant(call: ast.Call) -> bool:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return bool(values) and all(isinstance(each, ast.Constant) for each in values)


def _calls(node: ast.stmt) -> Iterator[ast.Call]:
    """The calls in the expressions of a statement, without those in its blocks and in lambdas."""
    pending: list[ast.AST] = [node]
    apart = ast.stmt | ast.Lambda | ast.excepthandler | ast.match_case
    for each in pending:
        pending += (child for child in ast.iter_child_nodes(each) if not isinstance(child, apart))
        if isinstance(each, ast.Call):
            yield each


def _names(node: ast.stmt) -> set[str]:
    """The names in the expressions of a statement, lambdas included."""
    values = (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr | ast.withitem))
    return {_name(each) for value in values for each in ast.walk(value)}


def _name(node: ast.AST) -> str:
    """Last part of a dotted name; empty for other expressions."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
