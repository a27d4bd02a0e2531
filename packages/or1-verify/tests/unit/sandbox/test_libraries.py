"""The files that programs may read."""

from __future__ import annotations

import json
from pathlib import Path

from or1_verify.sandbox import libraries


def test_standard_library_and_packages_are_readable_and_the_project_is_not() -> None:
    paths = [Path(path) for path in libraries.readable_paths()]
    standard = Path(json.__file__)
    assert any(standard.is_relative_to(path) for path in paths)
    assert not any(Path(__file__).resolve().is_relative_to(path.resolve()) for path in paths)


def test_no_readable_path_lies_in_another() -> None:
    paths = libraries.readable_paths()
    nested = [(a, b) for a in paths for b in paths if a != b and Path(a).is_relative_to(b)]
    assert nested == []
