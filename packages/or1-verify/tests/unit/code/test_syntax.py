"""Syntax trees from several threads at once: verifiers are called so."""

import ast
import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from or1_verify.code.syntax import syntax_tree

SOURCE = "\n".join(f"def f{i}(x):\n    return [a + {i} for a in x if a * a > {i} // 2]" for i in range(100))


@pytest.fixture
def threads_that_change_within_a_parse() -> Iterator[None]:
    """Objects of a tree are collected on the way; a callback of the collector lets the other thread run."""

    def wait(phase: str, info: object) -> None:
        time.sleep(0.0002)

    gc.callbacks.append(wait)
    yield
    gc.callbacks.remove(wait)


@pytest.mark.usefixtures("threads_that_change_within_a_parse")
def test_two_threads_parse_at_once() -> None:
    with ThreadPoolExecutor(2) as threads:
        trees = list(threads.map(lambda _: syntax_tree(SOURCE), range(20)))
    assert {ast.dump(tree) for tree in trees} == {ast.dump(ast.parse(SOURCE))}
