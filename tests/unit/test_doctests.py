"""The examples inside docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest
from tests.arch.source import PACKAGE, module_of, python_files


def modules_with_examples() -> list[str]:
    example = re.compile(r"^ *>>> ", re.MULTILINE)
    paths = [path for path in python_files("src") if example.search(path.read_text(encoding="utf-8"))]
    names = (module_of(path).removesuffix(".py").replace("/", ".") for path in paths)
    return [f"{PACKAGE.name}.{name}".removesuffix(".__init__") for name in names]


@pytest.mark.parametrize("module", modules_with_examples())
def test_examples_in_docstrings(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.attempted > 0
    assert outcome.failed == 0
