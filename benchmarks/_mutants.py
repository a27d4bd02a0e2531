"""Broken versions of right programs: one small change each, of the kinds that programmers make."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OFF_BY_ONE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_OTHER_OPERATION: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed program."""

    kind: str
    source: str


def mutants(source: str, seed: int) -> list[Mutant]:
    """One mutant of each kind that the program has a place for, the place chosen by seed."""
    tree = ast.parse(source)
    rng = random.Random(seed)
    found = []
    for kind, change in _KINDS.items():
        places = [number for number, node in enumerate(ast.walk(tree)) if change(copy.deepcopy(node))]
        if not places:
            continue
        mutated = copy.deepcopy(tree)
        place = rng.choice(places)
        change(next(node for number, node in enumerate(ast.walk(mutated)) if number == place))
        found.append(Mutant(kind, ast.unparse(ast.fix_missing_locations(mutated))))
    return found


def _changed_constant(node: ast.AST) -> bool:
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
        return False
    if isinstance(node.value, int | float):
        node.value += 1
    return isinstance(node.value, int | float)


def _with_operator(table: dict[type[ast.cmpop], type[ast.cmpop]]) -> Callable[[ast.AST], bool]:
    def change(node: ast.AST) -> bool:
        if not isinstance(node, ast.Compare) or type(node.ops[0]) not in table:
            return False
        node.ops[0] = table[type(node.ops[0])]()
        return True

    return change


def _other_operation(node: ast.AST) -> bool:
    if not isinstance(node, ast.BinOp | ast.AugAssign) or type(node.op) not in _OTHER_OPERATION:
        return False
    node.op = _OTHER_OPERATION[type(node.op)]()
    return True


def _dropped_statement(node: ast.AST) -> bool:
    """Drop the last statement that does something of a body, where another stays."""
    for body in _bodies(node):
        for index in range(len(body) - 1, -1, -1):
            droppable = isinstance(body[index], ast.Assign | ast.AugAssign | ast.Expr | ast.Return)
            if droppable and not _is_docstring(body[index]) and len(body) > 1:
                body[index] = ast.Pass()
                return True
    return False


def _wrong_result(node: ast.AST) -> bool:
    if not isinstance(node, ast.Return) or node.value is None:
        return False
    node.value = ast.Constant(None)
    return True


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    if isinstance(node, ast.FunctionDef | ast.For | ast.While | ast.If):
        yield node.body


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


_KINDS: dict[str, Callable[[ast.AST], bool]] = {
    "changed_constant": _changed_constant,
    "off_by_one": _with_operator(_OFF_BY_ONE),
    "flipped_comparison": _with_operator(_FLIPPED),
    "other_operation": _other_operation,
    "dropped_statement": _dropped_statement,
    "wrong_result": _wrong_result,
}
