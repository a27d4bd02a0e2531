"""Code proper, repeated code and import circles of source texts.

`python -m tests.arch.measures` prints the lines of code proper.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from tests.arch.source import PACKAGE, VERIFY, functions

_NOT_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
_HAS_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
REPEATED_LINES = 6
OWN_LINES = 2
"""Of the repeated lines, those that are no import and no signature."""
BODY_STATEMENTS = 4


def code_lines(text: str) -> set[int]:
    """Numbers of the lines that are neither blank, comment nor docstring (of fields too), from 1."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _HAS_DOCSTRINGS):
            for statement in filter(is_docstring, node.body):
                lines -= lines_of(statement)
    return lines


def is_docstring(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def lines_of(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def may_repeat(tree: ast.Module) -> set[int]:
    """Lines of imports and of function signatures, which implementations of a protocol have to repeat."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            lines |= lines_of(node)
    for function in functions(tree):
        first = min(node.lineno for node in (function, *function.decorator_list))
        lines |= set(range(first, function.body[0].lineno))
    return lines


def repeated_lines(texts: Mapping[str, str]) -> list[str]:
    """Places that share `REPEATED_LINES` lines of code to the letter; one entry for each run of lines."""
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, text in texts.items():
        lines, exempt = text.splitlines(), may_repeat(ast.parse(text))
        numbers = sorted(code_lines(text))
        for start in range(len(numbers) - REPEATED_LINES + 1):
            window = numbers[start : start + REPEATED_LINES]
            if len(set(window) - exempt) >= OWN_LINES:
                key = tuple(lines[number - 1].rstrip() for number in window)
                places[key].append((name, window[0]))
    repeated = (sorted(where) for where in places.values() if len(where) > 1)
    return sorted(" = ".join(f"{name}:{line}" for name, line in where) for where in repeated)


def equal_bodies(texts: Mapping[str, str]) -> list[str]:
    """Functions of at least `BODY_STATEMENTS` statements, nested ones counted, with the same body."""
    bodies: dict[str, list[str]] = defaultdict(list)
    for name, text in texts.items():
        for function in functions(ast.parse(text)):
            body = [statement for statement in function.body if not is_docstring(statement)]
            num_statements = sum(isinstance(node, ast.stmt) for part in body for node in ast.walk(part))
            if num_statements >= BODY_STATEMENTS:
                bodies["\n".join(map(ast.dump, body))].append(f"{name}:{function.lineno} {function.name}")
    return sorted(" = ".join(where) for where in bodies.values() if len(where) > 1)


def equal_class_names(texts: Mapping[str, str]) -> list[str]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{name}:{node.lineno}")
    return sorted(f"{name}: {', '.join(where)}" for name, where in found.items() if len(where) > 1)


def repeated_keys(texts: Mapping[str, str], keys: Collection[str]) -> list[str]:
    """Keys of metrics that stand twice, as a literal or with their first part formatted in."""
    ends = {key[key.index("/") :]: key for key in keys}
    places: dict[str, list[str]] = defaultdict(list)
    for module, text in texts.items():
        tree = ast.parse(text)
        formats = {
            id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
        }
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            if node.value in keys:
                places[node.value].append(f"{module}:{node.lineno}")
            elif id(node) in formats and node.value in ends:
                places[ends[node.value]].append(f"{module}:{node.lineno}")
    return sorted(f"{' = '.join(found)} {key}" for key, found in places.items() if len(found) > 1)


def imports_of(tree: ast.Module, modules: Iterable[str]) -> Iterator[str]:
    """Those of `modules` that a module imports, at its top or inside functions, but not for types alone."""
    known = set(modules)
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner_module = f"{node.module}.{alias.name}"
                if inner_module in known or node.module in known:
                    yield inner_module if inner_module in known else node.module


def import_circle(imports: Mapping[str, set[str]]) -> list[str]:
    """Modules of one circle in order, or nothing."""
    left = {module: set(others) for module, others in imports.items()}
    while ends := [module for module, others in left.items() if not others & left.keys()]:
        for module in ends:
            del left[module]
    if not left:
        return []
    path = [min(left)]
    while path[-1] not in path[:-1]:
        path.append(min(left[path[-1]] & left.keys()))
    return path[path.index(path[-1]) :]


def module_name(path: Path, home: Path) -> str:
    """`or1.rollout.collect` of a file, `or1.rollout` of the `__init__` of a folder."""
    parts = path.relative_to(home).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def num_code_lines(paths: Iterable[Path]) -> int:
    return sum(len(code_lines(path.read_text(encoding="utf-8"))) for path in paths)


def main() -> None:
    """Print the lines of code proper of each part of the packages."""
    for package in (PACKAGE, VERIFY):
        parts = sorted(path for path in package.iterdir() if path.suffix == ".py" or path.is_dir())
        for part in parts:
            if num := num_code_lines([part] if part.is_file() else part.rglob("*.py")):
                sys.stdout.write(f"{num:6,}  {package.name}/{part.name}\n")
        sys.stdout.write(f"{num_code_lines(package.rglob('*.py')):6,}  {package.name}\n\n")


if __name__ == "__main__":
    main()
