"""Needs of tests that cannot be met: they would have to cross to the program, or from it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import partial

from or1_verify.code.names import called, names_within, walked
from or1_verify.code.rpc_atoms import is_capitalised, is_class_name

_CHANGED_HERE = (("sys", "stdout"), ("sys", "stderr"))
"""Attributes of modules that the tests may set for themselves."""
_SET_SETTINGS = frozenset({"setcontext", "localcontext", "putenv", "unsetenv", "chdir", "setlocale"})
"""Functions that change a setting of the process."""
_OF_FILES = frozenset({"write_text", "write_bytes", "makedirs", "mkdir", "open", "touch", "copy", "copyfile"})
_RUN_TEXT = frozenset({"eval", "exec", "compile", "sympify", "sympy.sympify", "get_type_hints"})
_RUNNERS = frozenset({"pickle", "marshal", "shelve", "dill", "cloudpickle", "doctest", "runpy"})
"""Functions, and modules with functions, that run a text as code."""
_ABOUT_CLASSES: Mapping[str, frozenset[str] | None] = {
    "dataclasses": frozenset({"is_dataclass", "asdict", "astuple", "fields", "replace"}),
    "inspect": frozenset({"isabstract", "isclass", "isfunction", "ismethod", "getmembers", "getmro"}),
    "typing": frozenset({"get_origin", "get_args"}),
    "weakref": None,
}
"""Modules, and their functions (None = all), that look into a class itself, not at a stand-in for it."""
_OF_CLASSES = frozenset({
    "__subclasses__", "__base__", "__bases__", "__mro__", "mro", "__class__", "__self__", "__func__",
    "__new__",
})  # fmt: skip
"""Attributes of classes, objects and methods that a stand-in does not have, or has of its own."""
_LOOKS = (ast.Attribute, ast.Compare, ast.MatchClass, ast.Call)
"""Nodes that may look into a class."""
_FROM = frozenset({"tempfile", "pathlib", "os", "shutil", *_RUNNERS, *_ABOUT_CLASSES})
_ENDINGS = ("GeneratorExit", "ExceptionGroup")
_STEPS = frozenset({"next", "__next__", "send", "throw"})
"""Functions and methods that make a step of an iterator: only these give StopIteration."""
_OF_LOGS = ("assertWarns", "assertLogs", "assertNoLogs")
"""Names of exceptions that do not cross, and checks of warnings and logs, which do not cross either."""


def foreign_needs(sources: Sequence[str], names: Sequence[str]) -> str | None:
    """The first need of tests that a program in another process cannot meet; None if there is none known.

    >>> foreign_needs(["with timer() as t:\\n    pass"], ["timer"])
    'a context manager that the program returns (timer)'
    """
    nodes, made = walked(tuple(sources))
    errors = {name for node in nodes for each in _expected_errors(node) for name in names_within(each)}
    patches = tuple(f"{each}." for each in _patches(nodes) if each.split(".")[0] not in names)
    modules = _modules(nodes)
    classes = [name for name in names if name not in errors]
    for node in nodes:
        if patches and isinstance(node, ast.Call) and f"{ast.unparse(node.func)}.".startswith(patches):
            return f"a patch ({ast.unparse(node)[:60]}): the program runs in another process"
        if any(_is_awaited(each, made, names) for each in _awaited(node)):
            return f"an event loop for the program ({ast.unparse(node)[:60]})"
        if need := _need_of_statement(node, made, names):
            return need
        if _expects_end(node, made, names):
            return "StopIteration of a function of the program, or its exit around a check"
        if isinstance(node, _LOOKS) and _looks_into_class(node, modules, made, classes):
            return f"to look into a class of the program ({ast.unparse(node).splitlines()[0][:60]})"
    found = (_need_of_module(node, modules, made) for node in walked(tuple(sources[1:]))[0])
    return next(filter(None, found), None)


def _need_of_statement(node: ast.AST, made: Mapping[str, str], names: Sequence[str]) -> str | None:
    if isinstance(node, ast.With):
        used = [called(item.context_expr) for item in node.items]
        found = [made.get(each, each) for each in used if made.get(each, each) in names]
        if not all(map(is_capitalised, found)):
            return f"a context manager that the program returns ({found[0]})"
    if isinstance(node, ast.ClassDef):
        bases = [name for base in node.bases if (name := called(base)) in names]
        if bases:
            return f"a class of the program as a base class ({bases[0]})"
        parts = [] if is_test_class(node) else [*node.decorator_list, *_special_parts(node)]
        changed = [name for part in parts if (name := _root(part)) in names]
        return f"a class of the tests that the program changes ({changed[0]})" if changed else None
    return None


def _expected_errors(node: ast.AST) -> list[ast.expr]:
    """The classes of exceptions that a node catches: they are classes in the tests too."""
    match node:
        case ast.ExceptHandler(ast.expr() as expected):
            return [expected]
        case ast.Call(check, [expected, *_]) if _last_name(check).startswith(("raises", "assertRaises")):
            return [expected]
    return []


def _expects_end(node: ast.AST, made: Mapping[str, str], names: Sequence[str]) -> bool:
    """Whether tests expect StopIteration of the program, and not of a step of an iterator, or an exit that
    would skip checks."""
    if not isinstance(node, ast.Try | ast.With):
        return False
    places = node.handlers if isinstance(node, ast.Try) else [item.context_expr for item in node.items]
    expected = {_last_name(each) for place in places for each in _expected_errors(place)}
    inside = [each for part in node.body for each in ast.walk(part)]
    used = [each.func for each in inside if isinstance(each, ast.Call)]
    if expected & {"SystemExit", "KeyboardInterrupt"}:
        tested = [each.test for each in inside if isinstance(each, ast.Assert)]
        is_checked = not all(isinstance(each, ast.Constant) for each in tested)
        return is_checked or any(_last_name(each).startswith("assert") for each in used)
    of_program = any(_is_of_program(each, made, names) for each in used)
    return "StopIteration" in expected and of_program and _STEPS.isdisjoint(map(_last_name, used))


def is_test_class(node: ast.ClassDef) -> bool:
    """Whether pytest or unittest would take a class for one of test cases."""
    return node.name.startswith("Test") or any("TestCase" in ast.unparse(base) for base in node.bases)


def _special_parts(node: ast.ClassDef) -> list[ast.expr]:
    """Decorators of methods, and calls of classes, whose instances may be descriptors."""
    found: list[ast.expr] = []
    for each in node.body:
        if isinstance(each, ast.FunctionDef):
            found += each.decorator_list
        elif isinstance(each, ast.Assign) and isinstance(each.value, ast.Call):
            found += [each.value] if is_class_name(called(each.value)) else []
    return found


def _looks_into_class(
    node: ast.AST, modules: Mapping[str, str], made: Mapping[str, str], names: Sequence[str]
) -> bool:
    """Whether a class of the program, or an object's, is needed itself: there is only a stand-in for it."""

    of_program = partial(_is_of_program, made=made, names=names)
    match node:
        case ast.Attribute(value, attr) if attr in _OF_CLASSES:
            return of_program(value)
        case ast.Attribute(ast.Name(name), "__dict__") | ast.Call(ast.Name("vars"), [ast.Name(name)]):
            return name in names and is_class_name(name)
        case ast.Compare(left, [ast.Is() | ast.IsNot()], [other]):  # all attributes: each time others
            return "vars" in map(_root, (left, other)) or "__dict__" in map(_last_name, (left, other))
        case ast.MatchClass(cls):
            return of_program(cls)
        case ast.Call(ast.Name("isinstance"), [first, ast.Name("type")]) | ast.Call(ast.Name("dir"), [first]):
            return of_program(first)
        case ast.Attribute(attr="__suppress_context__" | "addHandler"):
            return True
        case ast.Attribute(ast.Name("gc"), "collect"):
            return True
        case ast.Call(function, args, keywords):
            own = [each.value for each in keywords if each.arg in ("spec", "spec_set")]
            about = _ABOUT_CLASSES.get(modules.get(_root(function), ""), frozenset())
            last = _last_name(function)
            is_about = about is None or last in about or last == "create_autospec"
            return any(map(of_program, [*own, *args] if is_about else own))
    return False


def _need_of_module(node: ast.AST, modules: Mapping[str, str], made: Mapping[str, str]) -> str | None:
    """A change of a module, which does not reach the program, or a file, which it cannot read.

    The setup is not searched: it runs beside the program too.
    """
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        module = modules.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if module not in (None, "solution") and (module, node.attr) not in _CHANGED_HERE:
            return f"an own {module}.{node.attr}: the program runs in another process"
    if setting := _changed_setting(node):
        return f"an own {setting}: the program runs in another process"
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        root = _root(node.func)
        module = modules.get(made.get(root, root), "").split(".")[0]
        if need := _need_of_call(node, name, module):
            return need
        changed = node.args[0] if name in ("setattr", "delattr") and node.args else None
        if isinstance(changed, ast.Name) and modules.get(changed.id, "solution") != "solution":
            return f"a changed {changed.id}: the program runs in another process"
        is_path = module in ("os", "pathlib", "shutil") and name.split(".")[-1] in _OF_FILES
        if module == "tempfile" or is_path or (name == "open" and "open" not in modules):
            return f"a file ({ast.unparse(node)[:60]}): the program runs in another process"
    return None


def _changed_setting(node: ast.AST) -> str | None:
    """A setting of the process that a node changes: a variable of its environment, or how decimals round."""
    match node:
        case ast.Subscript(value, ctx=ast.Store() | ast.Del()) if _last_name(value) == "environ":
            return ast.unparse(value)
        case ast.Call(ast.Attribute(value, "update" | "setdefault" | "pop" | "clear")) if (
            _last_name(value) == "environ"
        ):
            return ast.unparse(value)
        case ast.Attribute(ast.Call(function), ctx=ast.Store()) if _last_name(function) == "getcontext":
            return ast.unparse(function)
        case ast.Call(function) if _last_name(function) in _SET_SETTINGS:
            return ast.unparse(function)
    return None


def _need_of_call(node: ast.Call, name: str, module: str) -> str | None:
    """Something of the program that cannot cross to this function: code, or what is no ordinary exception."""
    first, last = node.args[0] if node.args else None, name.split(".")[-1]
    if (name in _RUN_TEXT and not isinstance(first, ast.Constant)) or module in _RUNNERS:
        return f"a text of the program as code ({ast.unparse(node)[:60]})"
    expected = "".join(map(ast.unparse, _expected_errors(node)))
    is_record = last == "catch_warnings" and any(each.arg == "record" for each in node.keywords)
    if is_record or last.startswith(_OF_LOGS) or any(each in expected for each in _ENDINGS):
        return f"a warning or a group of errors of the program ({ast.unparse(node)[:60]})"
    return None


def _modules(nodes: Sequence[ast.AST]) -> dict[str, str]:
    """The modules that a source imports, by the names that stand for them or for one of their functions."""
    found = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module in _FROM:
            found |= {alias.asname or alias.name: node.module for alias in node.names}
        elif isinstance(node, ast.ImportFrom | ast.FunctionDef):
            hidden = [node.name] if isinstance(node, ast.FunctionDef) else [each.name for each in node.names]
            found |= {name: "" for name in hidden if name == "open"}
    return found


def _patches(nodes: Sequence[ast.AST]) -> list[str]:
    """Dotted names by which a source reaches `patch` of unittest.mock."""
    found = []
    for node in nodes:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            name = alias.asname or alias.name
            whole = f"{module}{alias.name}".removeprefix("unittest.")
            ends = {"unittest": ".mock.patch", "mock": ".patch", "mock.patch": "", "mock.*": ""}
            found += [f"{name}{ends[whole]}".replace("*", "patch")] if whole in ends else []
    return found


def _is_awaited(expression: ast.expr, made: Mapping[str, str], names: Sequence[str]) -> bool:
    """Whether a coroutine that is run is the program's: of a function, or of a method of its object."""
    functions = [each.func for each in ast.walk(expression) if isinstance(each, ast.Call)]
    methods = [each for each in functions if isinstance(each, ast.Attribute)]
    name = called(expression)
    return made.get(name, name) in names or any(_is_of_program(each, made, names) for each in methods)


def _awaited(node: ast.AST) -> list[ast.expr]:
    """The expressions of which a node runs the coroutine."""
    if isinstance(node, ast.Await):
        return [node.value]
    if isinstance(node, ast.AsyncFor) or (isinstance(node, ast.comprehension) and node.is_async):
        return [node.iter]
    if isinstance(node, ast.AsyncWith):
        return [item.context_expr for item in node.items]
    return node.args if isinstance(node, ast.Call) and _root(node.func) == "asyncio" else []


def _is_of_program(expression: ast.expr, made: Mapping[str, str], names: Sequence[str]) -> bool:
    """Whether an expression begins with a name of the program, or a variable that is made by one."""
    root = _root(expression)
    return made.get(root, root) in names


def _last_name(node: ast.expr) -> str:
    """The name that a function or an attribute has itself: `raises` of `pytest.raises`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _root(node: ast.expr) -> str:
    """The name that an expression of attributes, calls and items begins with: `asyncio` of `asyncio.run`."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
