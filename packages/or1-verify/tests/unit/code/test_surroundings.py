"""The surroundings of a program do not decide its verdict: the sandbox level, the file that it is in."""

from __future__ import annotations

from typing import Any

import pytest

from or1_verify import code
from or1_verify.code import CodeVerifier
from or1_verify.code.program import as_response
from or1_verify.sandbox import Level
from or1_verify.sandbox.detection import obstacle

THREADS = """
import threading, time
big = bytearray(200 << 20)
done = []
def work():
    time.sleep(0.3)
    done.append([0] * 1000)
threads = [threading.Thread(target=work) for _ in range(int(input()))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(done))
"""


@pytest.mark.parametrize("level", [3, 4, 5])
@pytest.mark.parametrize(("num_threads", "reason"), [(60, "right"), (70, "runtime_error")])
def test_threads_are_limited_alike_at_every_level(level: int, num_threads: int, reason: str) -> None:
    why = obstacle(Level(level))
    if why is not None:
        pytest.skip(f"this machine does not allow level {level}: {why}")
    tests = {"inputs": [f"{num_threads}\n"], "outputs": [f"{num_threads}\n"]}
    verdict = code.verify(tests, as_response(THREADS), CodeVerifier(level=Level(level)))
    assert verdict.reason == reason, verdict.detail


OWN_SOURCE = """import inspect, sys
class Text:
    mark = 1
def f(x):
    # quince
    return [inspect.getsource(f).count("quince"), inspect.getsource(Text).count("mark = 1"),
            open(__file__).read().count("import"), open(sys.argv[0]).read().count("import")]
"""


@pytest.mark.parametrize(
    ("tests", "program"),
    [
        ({"inputs": [""], "outputs": ["2 1 3 3"]}, OWN_SOURCE + "print(*f(0))"),
        ({"fn_name": "f", "inputs": ["0"], "outputs": ["[2, 1, 3, 3]"]}, OWN_SOURCE),
        ({"tests": ["assert f(0) == [2, 1, 3, 3]"]}, OWN_SOURCE),
    ],
    ids=["stdin", "function", "asserts"],
)
def test_a_program_can_read_its_own_source(tests: Any, program: str) -> None:
    verdict = code.verify(tests, as_response(program))
    assert verdict.reason == "right", verdict.detail


@pytest.mark.parametrize(
    ("library", "draw", "seed"),
    [
        ("random", "random.random()", "random.seed(a=3)"),
        ("numpy as np", "float(np.random.rand())", "np.random.seed(3)"),
    ],
)
def test_a_seed_of_the_tests_holds_for_the_program(library: str, draw: str, seed: str) -> None:
    test = (
        f"import {library}\n{seed}\nwant = [{draw}, {draw}]\n{seed}\nassert [f(), f()] == want\n"
        f"assert f() not in want\n{seed}\n{draw}\nassert f() == want[0]"
    )
    program = f"import {library}\ndef f(): return {draw}"
    tests = {"tests": [test], "names": ["f"]}
    assert code.verify(tests, as_response(program)).reason == "right"
    assert code.verify(tests, as_response(program + " + 1e-9")).reason == "wrong_answer"
