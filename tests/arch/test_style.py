"""House rules that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from tests.arch.source import SOURCES, module_of, parse, python_files

BROAD_EXCEPT_ALLOWED = {
    "or1_verify/pool/worker_main.py",  # whatever a verifier raises becomes a verdict
    "or1_verify/code/child.py",  # inside the sandbox: whatever a program or a test raises is reported
    "or1_verify/code/rpc.py",
    "or1_verify/code/rpc_errors.py",
    "or1_verify/pool/pool.py",
    "or1/rollout/engine_worker.py",  # whatever an engine raises is reported to the pool
    "or1/rollout/transfer.py",  # an error of the transfer, on its thread, is raised by the caller
    "or1/trainer/rank_worker.py",  # whatever a rank raises is reported to the driver
    "or1/plugins.py",  # importing a module that the user names may raise anything
    "or1/rollout/collect.py",
    "or1/tasks/verifiers_env.py",  # the code of an environment may raise anything
    "or1_verify/sandbox/program.py",  # whatever a program raises is its exit status
    "or1/tracking/sinks.py",  # a view that fails is switched off, training goes on
    "or1/cluster/",
}
FOREIGN_CODE_ALLOWED = {
    "or1_verify/code/child.py",  # runs in a process that has been locked in
    "or1_verify/sandbox/program.py",  # runs in a process that has been locked in
}
DURABLE_WRITES_ALLOWED = {
    "or1/storage/",  # the one home of atomic replacement and folder locks
    "or1_verify/sandbox/",  # moves scratch directories, which need not survive a crash
    "or1_verify/file.py",  # a distribution of its own, which cannot import or1.storage
}
PICKLES = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "shelve"}
CONFIG_NAMES = {"run", "config", "cfg", "stage", "loss", "entropy", "settings"}

Rule = Callable[[ast.AST], bool]


def name_of(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
    return ""


def is_getattr_with_default(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node.func) == "getattr" and len(node.args) == 3


def is_broad_except(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    if all(name_of(one) not in {"Exception", "BaseException"} for one in caught if one is not None):
        return node.type is None
    reraises = bool(node.body) and isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
    return not reraises


def is_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def is_get_on_a_configuration(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="get", value=owner)):
            return name_of(owner) in CONFIG_NAMES
    return False


def is_unchecked_copy(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"model_copy", "model_construct"}


def runs_foreign_code(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="eval" | "exec")):
            return True
        case ast.keyword(arg="trust_remote_code", value=ast.Constant(value=True)):
            return True
    return False


def pickles(node: ast.AST) -> bool:
    """Imports of pickle and its like; `recv` of a Connection; loads of numpy and torch that unpickle."""
    match node:
        case ast.Import(names=names):
            return any(name.name.split(".")[0] in PICKLES for name in names)
        case ast.ImportFrom(module=str(module)):
            return module.split(".")[0] in PICKLES
        case ast.Call(func=ast.Attribute(attr="recv"), args=[], keywords=[]):
            return True
        case ast.Call(func=ast.Attribute(attr="load", value=ast.Name(id="np" | "numpy")), keywords=given):
            return not any(
                each.arg == "allow_pickle" and ast.unparse(each.value) == "False" for each in given
            )
        case ast.Call(func=ast.Attribute(attr="load", value=ast.Name(id="torch"))):
            return True
        case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
            return True
    return False


def renames_a_file(node: ast.AST) -> bool:
    """`os.replace`, `shutil.move`, `Path.rename` or `Path.replace` (one argument; that of str has two)."""
    match node:
        case ast.Call(func=ast.Attribute(attr="replace" | "rename" | "renames", value=ast.Name(id="os"))):
            return True
        case ast.Call(func=ast.Attribute(attr="move", value=ast.Name(id="shutil"))):
            return True
        case ast.Call(func=ast.Attribute(attr="replace" | "rename"), args=[_], keywords=[]):
            return True
    return False


def locks_or_flushes_a_file(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node.func) in {"flock", "lockf", "fsync", "fdatasync"}


RULES: list[tuple[Rule, set[str], str]] = [
    (is_getattr_with_default, set(), "getattr(owner, 'name', None)"),
    (is_broad_except, BROAD_EXCEPT_ALLOWED, "try:\n f()\nexcept Exception:\n pass"),
    (is_print, {"or1/cli/", "or1_verify/cli.py"}, "print('x')"),
    (is_get_on_a_configuration, set(), "run.entropy.get('target', 0.2)"),
    (is_unchecked_copy, set(), "run.model_copy(update={})"),
    (renames_a_file, DURABLE_WRITES_ALLOWED, "part.replace(path)"),
    (locks_or_flushes_a_file, DURABLE_WRITES_ALLOWED, "fcntl.flock(file, fcntl.LOCK_EX)"),
    (runs_foreign_code, FOREIGN_CODE_ALLOWED, "load(name, trust_remote_code=True)"),
    (pickles, set(), "import pickle"),
]


def broken(rule: Rule, allowed: set[str]) -> Iterator[str]:
    for path in python_files(*SOURCES):
        where = module_of(path)
        if any(where == place or (place.endswith("/") and where.startswith(place)) for place in allowed):
            continue
        for node in ast.walk(parse(path)):
            if rule(node):
                yield f"{where}:{getattr(node, 'lineno', '?')}"


@pytest.mark.parametrize(("rule", "allowed", "offence"), RULES, ids=[rule.__name__ for rule, _, _ in RULES])
def test_rule(rule: Rule, allowed: set[str], offence: str) -> None:
    assert any(rule(node) for node in ast.walk(ast.parse(offence))), "the rule does not see what it forbids"
    assert list(broken(rule, allowed)) == []


def test_a_broad_except_that_raises_again_is_none() -> None:
    tree = ast.parse("try:\n f()\nexcept BaseException:\n close()\n raise")
    assert not any(is_broad_except(node) for node in ast.walk(tree))


@pytest.mark.parametrize(
    ("code", "renames"),
    [
        ("os.replace(part, path)", True),
        ("os.rename(part, path)", True),
        ("shutil.move(part, path)", True),
        ("path.rename(old)", True),
        ("text.replace('a', 'b')", False),
        ("moment.replace(tzinfo=None)", False),
        ("dataclasses.replace(row, vote=None)", False),
    ],
)
def test_a_rename_of_a_file_is_told_from_a_replacement_of_text(code: str, renames: bool) -> None:
    assert any(renames_a_file(node) for node in ast.walk(ast.parse(code))) is renames


@pytest.mark.parametrize(
    ("code", "is_pickle"),
    [
        ("from pickle import loads", True),
        ("import json, cloudpickle.compat", True),
        ("import pickletools", False),
        ("channel.recv()", True),
        ("channel.recv_bytes()", False),
        ("end.recv(8)", False),
        ("np.load(path)", True),
        ("np.load(path, allow_pickle=False)", False),
        ("numpy.load(path, allow_pickle=allowed)", True),
        ("json.load(file)", False),
        ("torch.load(path, weights_only=True)", True),
    ],
)
def test_what_unpickles_is_found(code: str, is_pickle: bool) -> None:
    assert any(pickles(node) for node in ast.walk(ast.parse(code))) is is_pickle


def test_every_module_says_what_it_is() -> None:
    silent = [
        path for path in python_files(*SOURCES) if path.stat().st_size and not ast.get_docstring(parse(path))
    ]
    assert [module_of(path) for path in silent] == []
