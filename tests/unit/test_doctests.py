"""The examples inside docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest

from tests.arch.source import SOURCES, module_of, python_files


def modules_with_examples() -> list[str]:
    example = re.compile(r"^ *>>> ", re.MULTILINE)
    paths = [path for path in python_files(*SOURCES) if example.search(path.read_text(encoding="utf-8"))]
    return [module_of(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in paths]


@pytest.mark.parametrize("module", modules_with_examples())
def test_examples_in_docstrings(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.attempted > 0
    assert outcome.failed == 0
