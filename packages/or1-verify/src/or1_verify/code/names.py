"""The names that test code expects from the program."""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from keyword import iskeyword

from or1_verify.code.program import PLAIN_IMPORTS, STAR_IMPORTS
from or1_verify.code.rpc_atoms import is_capitalised
from or1_verify.code.syntax import parsed

_BUILTINS = frozenset({*vars(builtins), "pytest"})
_OF_LIBRARY = {
    "collections": "Counter OrderedDict defaultdict deque namedtuple", "copy": "deepcopy",
    "datetime": "date timedelta", "decimal": "Decimal", "fractions": "Fraction",
    "math": "inf isclose nan pi sqrt", "numpy": "allclose array_equal", "pytest": "approx raises",
    "numpy.testing": "assert_allclose assert_almost_equal assert_array_equal assert_equal",
}  # fmt: skip
_MODULES = {name: f"import {name}" for name in (*PLAIN_IMPORTS, "decimal", "fractions", "numpy", "unittest")}
_MODULES["np"] = "import numpy as np"
_LIBRARY = _MODULES | {
    name: f"from {module} import {name}" for module, names in _OF_LIBRARY.items() for name in names.split()
}
"""Imports that tests may leave out: of modules, and of names by which tests check a result."""
_ROUNDS = 3
"""How often assignments are followed: values that come from the program by four steps are not seen."""
_EQUALITIES = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def free_names(setup: str, tests: Sequence[str]) -> tuple[str, ...]:
    """Names that the tests use and that are not defined by them, the setup or Python, in order of first use.

    A name of the usual preamble or of the library (`sqrt`, `Decimal`) is expected from the program only if no
    other name is, if each check that uses it uses no other, or if a test calls nothing else of the program.

    >>> free_names("import math", ["assert math.isclose(area(2), sqrt(3))"])
    ('area',)
    >>> free_names("", ["assert mean([1, 3]) == 2", "assert sq(2) == 4"])
    ('mean', 'sq')
    >>> free_names("", ["from solution import area as f; assert f(2) == 4"])
    ('area',)
    """
    free = [name for name in unbound_names(setup, tests) if name not in _MODULES]
    unusual = [name for name in free if name not in _preamble_names()]
    if 0 < len(unusual) < len(free):
        own = {*unusual, *_with_own_test(free, tests)}
        unusual = [name for name in free if name in own or _is_checked_alone(name, free, tests)]
    imported = [name for test in (setup, *tests) for name in _of_solution(test)]
    return tuple(dict.fromkeys([*imported, *(unusual or ([] if imported else free))]))


def unbound_names(setup: str, tests: Sequence[str]) -> list[str]:
    """Names that the tests read and that neither they, the setup nor Python define."""
    bound = _bound(setup).union(*map(_bound, tests))
    return [name for name in names_read(tests) if name not in bound and name not in _BUILTINS]


def _is_checked_alone(name: str, free: Sequence[str], tests: Sequence[str]) -> bool:
    """Whether tests use a name in checks only, and there no other of these names.

    Elsewhere it may be a function of Python's library that helps to check another function. A call with
    constants whose result is not used counts as a check: an exception is expected of it.
    """
    statements = [node for test in tests for node in ast.walk(parsed(test)) if isinstance(node, ast.stmt)]
    for node in statements:
        inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]
        read = {each.id for child in inner for each in ast.walk(child) if isinstance(each, ast.Name)}
        if name in read and len(read & {*free} - _expected_errors(node)) > 1:
            return False
        if name in read and not isinstance(node, ast.Assert) and not _is_checking_call(node):
            return False
    return True


def _with_own_test(free: Sequence[str], tests: Sequence[str]) -> set[str]:
    """Those of the names, but for the library's, that are the only one in a test: it is about the program."""
    nodes, _ = walked(tuple(tests))
    units: list[ast.AST] = [
        each for each in nodes if isinstance(each, ast.FunctionDef) and each.name[:4] == "test"
    ]
    units += [parsed(test) for test in tests if len(tests) > 1]
    found = set[str]()
    for unit in units:
        inside = [*ast.walk(unit)]
        read = {each.id for each in inside if isinstance(each, ast.Name)} & {*free}
        if len(read) == 1 and any(isinstance(each, ast.Assert | ast.Call) for each in inside):
            found |= read
    return found - _LIBRARY.keys()


def _expected_errors(node: ast.stmt) -> set[str]:
    """Names in the first argument of `assertRaises`."""
    match node:
        case ast.Expr(ast.Call(ast.Attribute(attr="assertRaises"), [first, *_])):
            return {each.id for each in ast.walk(first) if isinstance(each, ast.Name)}
    return set()


def _is_checking_call(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(ast.Call(ast.Attribute(attr=name))):
            return name.startswith("assert")
        case ast.Expr(ast.Call(ast.Name(), args)):
            return all(isinstance(each, ast.Constant) for each in args)
    return False


def _of_solution(source: str) -> list[str]:
    """Names that a source takes from the module `solution`, by which tests may import the program."""
    names = []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "solution":
            names += [alias.name for alias in node.names if alias.name != "*"]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names += [node.attr] if node.value.id == "solution" else []
    return names


def library_imports(setup: str, tests: Sequence[str], names: Sequence[str]) -> str:
    """Import statements for what the tests use of the library without importing it, but for `names`.

    >>> library_imports("import math", ["assert f(math.pi) == Decimal(sys.maxsize)"], ["f"])
    'import sys\\nfrom decimal import Decimal\\n'
    """
    missing = {*unbound_names(setup, tests)} - {*names}
    return "".join(f"{source}\n" for name, source in _LIBRARY.items() if name in missing)


def classes_in(source: str) -> list[str]:
    """Names of the classes that a source defines at its top level.

    >>> classes_in("class Node:\\n    class Inner: pass")
    ['Node']
    """
    return [node.name for node in parsed(source).body if isinstance(node, ast.ClassDef)]


def functions_in(source: str) -> list[str]:
    """Names of the functions that a source defines at its top level.

    >>> functions_in("def f(): pass")
    ['f']
    """
    return [node.name for node in parsed(source).body if isinstance(node, ast.FunctionDef)]


def attributes_set(source: str) -> set[str]:
    """Names of the attributes that a source assigns.

    >>> attributes_set("node.next = None; node.val.x += 1") == {"next", "x"}
    True
    """
    nodes = [node for node in ast.walk(parsed(source)) if isinstance(node, ast.Attribute)]
    return {node.attr for node in nodes if isinstance(node.ctx, ast.Store)}


def classes_used(sources: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those names of the program that tests use as classes: capitalised, with attributes or items.

    Those of an instance count too: of the call itself, or of a variable that holds its result. So does an
    instance in a formatted text.

    >>> classes_used(["p = Pair(1, 2); assert p.left == 1; assert Extract([3]) == 3"], ["Pair", "Extract"])
    ['Pair']
    """
    nodes, made = walked(tuple(sources))
    owners = [
        node.value for node in nodes if isinstance(node, ast.Attribute | ast.Subscript | ast.FormattedValue)
    ]
    return _classes_of(owners, made, names)


def operands_used(sources: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those names of the program whose instances are operands in tests, of arithmetic or an order.

    >>> operands_used(["p = Pair(1, 2); assert p + p; assert Low(1) < 2"], ["Low", "Odd", "Pair"])
    ['Low', 'Pair']
    """
    nodes, made = walked(tuple(sources))
    operands: list[ast.expr] = []
    for node in nodes:
        match node:
            case ast.BinOp(left, _, right):
                operands += [left, right]
            case ast.UnaryOp(_, operand):
                operands.append(operand)
            case ast.Compare(left, signs, others) if any(isinstance(sign, _ORDERS) for sign in signs):
                operands += [left, *others]
    return _classes_of(operands, made, names)


def attributes_read(sources: Sequence[str]) -> set[str]:
    """Names of the public attributes that tests read.

    >>> attributes_read(["assert s.top.left == s._x"]) == {"top", "left"}
    True
    """
    nodes, _ = walked(tuple(sources))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr[:1] != "_"}


def compared_in(sources: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those names of the program whose instances tests compare with other results of the program.

    An instance may stand in a list. `Extract([3]) == 3` may be a function that gives a value.

    >>> tests = ["p = Pair(1); assert f(2) == [p]; t.assertEqual(g(), Low(2)); assert Odd(3) == 1"]
    >>> compared_in(tests, ["Low", "Odd", "Pair", "f", "g"])
    ['Low', 'Pair']
    """
    if not any(map(is_capitalised, names)):
        return []
    nodes, made = walked(tuple(sources))
    touched = _touched(nodes, {*names, *(variable for variable, name in made.items() if name in names)})
    found: list[ast.expr] = []
    for node in nodes:
        match node:
            case ast.Set(elements) | ast.Dict(keys=elements):
                found += filter(None, elements)
            case ast.Subscript(slice=key):
                found.append(key)
            case ast.Compare(left, signs, others) if any(isinstance(sign, _EQUALITIES) for sign in signs):
                found += _beside_results([left, *others], touched)
            case ast.Call(ast.Attribute(attr=name), args) if name.startswith("assert"):
                found += _beside_results(args, touched)
    for side in found:  # grows by the elements
        found += side.elts if isinstance(side, ast.List | ast.Tuple | ast.Set) else []
    return _classes_of(found, made, names)


def _beside_results(sides: Sequence[ast.expr], touched: set[str]) -> list[ast.expr]:
    """Those sides of a comparison beside which another one comes from the program."""
    is_result = [bool({*names_within(side)} & touched) for side in sides]
    return [side for side, own in zip(sides, is_result, strict=True) if sum(is_result) > own]


def _touched(nodes: Sequence[ast.AST], names: set[str]) -> set[str]:
    """Names of the program, and of variables whose values come from it."""
    touched = {*names}
    pairs = (_looped(node) or _assigned(node) for node in nodes)
    flows = [({*names_within(to)}, {*names_within(value)}) for each in pairs for to, value in each if value]
    for _ in range(_ROUNDS):
        for targets, sources in flows:
            touched |= targets if touched & sources else set()
    return touched


def names_within(expression: ast.expr) -> list[str]:
    """The names in an expression."""
    return [each.id for each in ast.walk(expression) if isinstance(each, ast.Name)]


def uses_of(sources: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """How tests use the names of the program, for the processes of both sides."""
    return {
        "classes": classes_used(sources, names),
        "operands": operands_used(sources, names),
        "compared": compared_in(sources, names),
        "attributes": sorted(attributes_read(sources)),
    }


def _classes_of(owners: list[ast.expr], made: Mapping[str, str], names: Sequence[str]) -> list[str]:
    owners = [*owners, *(node.func for node in owners if isinstance(node, ast.Call))]
    read = {node.id for node in owners if isinstance(node, ast.Name)}
    read |= {made[name] for name in read if name in made}
    return [name for name in names if name in read and is_capitalised(name)]


def called(node: ast.expr) -> str:
    """The name of a function that is called, or of a value; `Stack` of `Stack[int]()`."""
    node = node.func if isinstance(node, ast.Call) else node
    node = node.value if isinstance(node, ast.Subscript) else node
    return node.id if isinstance(node, ast.Name) else ""


@lru_cache(maxsize=4)
def walked(sources: tuple[str, ...]) -> tuple[list[ast.AST], dict[str, str]]:
    """All nodes of sources; names of variables that are assigned a call of a name, and that name.

    So is the parameter of `check`, which stands for the name that it is called with.
    """
    nodes = [node for source in sources for node in ast.walk(parsed(source))]
    made = {
        target.id: called(value)
        for node in nodes
        for target, value in _assigned(node)
        if isinstance(target, ast.Name) and isinstance(value, ast.Call) and called(value)
    }
    entries = [name for node in nodes for name in _entry_of(node)]
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name == "check" and node.args.args and entries:
            made[node.args.args[0].arg] = entries[0]
    return nodes, made


def _assigned(node: ast.AST) -> list[tuple[ast.expr, ast.expr | None]]:
    """Targets and values of an assignment, one by one: also of `a, b = f(), g()`."""
    match node:
        case ast.Assign([ast.Tuple(targets) | ast.List(targets)], ast.Tuple(values) | ast.List(values)):
            return [*zip(targets, values, strict=False)]
        case ast.Assign(targets, value):
            return [(target, value) for target in targets]
        case ast.AnnAssign(target, _, value) | ast.NamedExpr(target, value):
            return [(target, value)]
    return []


def _looped(node: ast.AST) -> list[tuple[ast.expr, ast.expr | None]]:
    return [(node.target, node.iter)] if isinstance(node, ast.For) else []


def _entry_of(node: ast.AST) -> list[str]:
    match node:
        case ast.Call(ast.Name("check"), [ast.Name(entry)]):
            return [entry]
    return []


def is_expression_of_names(text: str) -> bool:
    """Whether a text is a name, optionally with attributes and calls without arguments.

    >>> is_expression_of_names("Solution().twoSum"), is_expression_of_names("f(x)")
    (True, False)
    """
    names = [name.removesuffix("()") for name in text.strip().split(".")]
    return all(name.isidentifier() and not iskeyword(name) for name in names)


def root_name(entry_point: str) -> str:
    """The name that an entry point begins with.

    >>> root_name("Solution().twoSum")
    'Solution'
    """
    return entry_point.replace("(", ".").split(".")[0].strip()


def names_read(tests: Sequence[str]) -> list[str]:
    """Names in the order in which the tests first read them."""
    used: dict[str, None] = {}
    for test in tests:
        names = [node for node in ast.walk(parsed(test)) if isinstance(node, ast.Name)]
        for node in sorted(names, key=lambda name: (name.lineno, name.col_offset)):
            if isinstance(node.ctx, ast.Load):
                used.setdefault(node.id)
    return list(used)


def _bound(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
    return names


@lru_cache(maxsize=1)
def _preamble_names() -> frozenset[str]:
    """The names that the preamble defines, read from its modules, and those of the library; not the flags of
    `re`: `S` is a class of the program."""
    modules = [vars(importlib.import_module(name)) for name in STAR_IMPORTS]
    public = [module.get("__all__", [name for name in module if name[0] != "_"]) for module in modules]
    names = frozenset(_LIBRARY).union(*public)
    return frozenset(name for name in names if len(name) > 1 or name.islower())
