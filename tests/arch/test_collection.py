"""Every process collects the same tests: no id and no parameter depends on clock, chance, hash seed or path.

The workers of pytest-xdist each collect on their own and refuse to run when their lists differ.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.arch.collected import LINE_START, canonical, line_of
from tests.arch.source import ROOT

APART_S = 2.0
"""Between two collections: more than the whole seconds in which some formats write the time."""


def collected(hash_seed: int, *paths: str) -> list[str]:
    """Lines for the tests that a new process collects."""
    command = [sys.executable, "-m", "tests.arch.collected", *paths]
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lines = done.stdout.splitlines()
    return [line.removeprefix(LINE_START) for line in lines if line.startswith(LINE_START)]


def test_another_process_collects_the_same_tests(request: pytest.FixtureRequest) -> None:
    """The tests of this session against those of a process started later with another hash seed."""
    session = [line_of(item) for item in request.session.items]
    time.sleep(APART_S)
    other_seed = 2 if os.environ.get("PYTHONHASHSEED") == "1" else 1
    other = collected(other_seed, *request.config.args)
    assert sorted(set(session) - set(other)) == []
    selected = set(session)
    assert [line for line in other if line in selected] == session, "the same tests in another order"


def test_no_id_holds_a_path_of_this_machine(request: pytest.FixtureRequest) -> None:
    places = tuple(f"{place}/" for place in (ROOT, tempfile.gettempdir(), Path.home()))
    names = [item.nodeid for item in request.session.items]
    assert [name for name in names if any(place in name for place in places)] == []


def test_clock_chance_and_hash_seed_are_seen(tmp_path: Path) -> None:
    offences = {
        "clock": "import time; VALUES = [int(time.time())]",
        "chance": "import random; VALUES = [[random.random()]]",
        "hash_seed": "VALUES = list({f'word{n}' for n in range(20)})",
        "none": "VALUES = [1, {'b', 'a'}]",
    }
    for name, values in offences.items():
        (tmp_path / f"test_{name}.py").write_text(
            f"import pytest\n{values}\n@pytest.mark.parametrize('value', VALUES)\ndef test_it(value): pass\n"
        )
    first = collected(1, str(tmp_path))
    time.sleep(APART_S)
    second = collected(2, str(tmp_path))
    same = {name: [x for x in first if name in x] == [x for x in second if name in x] for name in offences}
    assert same == {"clock": False, "chance": False, "hash_seed": False, "none": True}


def test_canonical_values_have_no_order_of_sets_and_no_address() -> None:
    assert canonical({"a": {"y", "x"}, "b": (1, 2.5)}) == "{'a': {'x', 'y'}, 'b': [0x1, 2.5]}"
    assert canonical([object()]) == "[object]"
    endless: list[object] = []
    endless.append(endless)
    assert canonical(endless) == "[" * 8 + "..." + "]" * 8
