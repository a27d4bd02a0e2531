"""Each idea has one home: no repeated lines, no equal bodies, no two classes of one name."""

from __future__ import annotations

import pytest

from or1.tracking.metrics_table import TABLE
from tests.arch.measures import (
    code_lines,
    equal_bodies,
    equal_class_names,
    repeated_keys,
    repeated_lines,
)
from tests.arch.source import SOURCES, module_of, python_files

SIX = "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\n"
BODY = "    total = 0\n    for x in xs:\n        total += x\n    return total\n"


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {module_of(path): path.read_text(encoding="utf-8") for path in python_files(*SOURCES)}


def test_no_two_places_share_six_lines(texts: dict[str, str]) -> None:
    assert repeated_lines(texts) == []


def test_no_two_functions_have_one_body(texts: dict[str, str]) -> None:
    assert equal_bodies(texts) == []


def test_no_two_classes_have_one_name(texts: dict[str, str]) -> None:
    assert equal_class_names(texts) == []


def test_the_key_of_a_metric_stands_at_its_declaration_alone(texts: dict[str, str]) -> None:
    assert repeated_keys(texts, {entry.metric.key for entry in TABLE}) == []


def test_repeated_keys_are_seen_as_literals_and_as_parts_of_formats() -> None:
    declared = {"a": 'x: Annotated[float, Metric("eval/mean", "1", "one")]\n"""Not eval/mean."""\n'}
    assert repeated_keys(declared, {"eval/mean"}) == []
    assert repeated_keys({**declared, "b": 'row["eval/mean"]'}, {"eval/mean"}) == ["a:1 = b:1 eval/mean"]
    assert repeated_keys({**declared, "b": 'row[f"{area}/mean"]'}, {"eval/mean"}) == ["a:1 = b:1 eval/mean"]
    assert repeated_keys({**declared, "b": 'row["eval/mean_low"]'}, {"eval/mean"}) == []


def test_repeated_lines_are_seen_but_for_imports_and_signatures() -> None:
    commented = SIX.replace("c = 3\n", "# a remark\n\nc = 3\n")
    assert repeated_lines({"a": SIX, "b": commented}) == ["a:1 = b:1"]
    assert repeated_lines({"a": SIX, "b": SIX.replace("6", "7")}) == []
    imports = "".join(f"import m{n}\n" for n in range(6))
    signature = "def f(\n    a,\n    b,\n    c,\n    d,\n):\n    return "
    assert repeated_lines({"a": imports + signature + "1", "b": imports + signature + "2"}) == []
    assert repeated_lines({"a": signature + "1\ng = 1", "b": signature + "1\ng = 1"}) == ["a:3 = b:3"]


def test_equal_bodies_are_seen_under_other_names_and_docstrings() -> None:
    first, second = f"def f(xs):\n{BODY}", f'def g(xs):\n    """Other words."""\n{BODY}'
    assert equal_bodies({"a": first, "b": second}) == ["a:1 f = b:1 g"]
    assert equal_bodies({"a": first, "b": second.replace("+=", "-=")}) == []
    assert equal_bodies({"a": "def f(x):\n    return x", "b": "def g(x):\n    return x"}) == []


def test_equal_class_names_are_seen() -> None:
    assert equal_class_names({"a": "class A: pass", "b": "def f():\n    class A: pass"}) == ["A: a:1, b:2"]


def test_code_proper_is_counted_without_comments_blanks_and_docstrings() -> None:
    text = '"""Module."""\n\nclass A:\n    """Of a\n    class."""\n    x: int = 1\n    """Of a field."""\n'
    text += '\ndef f():  # counted\n    # not counted\n    """Not."""\n    return """two\nlines"""\n'
    assert sorted(code_lines(text)) == [3, 6, 9, 12, 13]
