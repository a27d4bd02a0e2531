"""Tests that are code: a tester process runs them against a program in another process.

When the program is loaded, the parent passes its end of the program's channel to the tester, and the two talk
to each other. The expected values exist only in the tester; the program's process gets arguments, and its
replies reach the tester as plain values. Only the tester sends the verdict, over a channel of its own, and it
never loads a program.
"""

from __future__ import annotations

import json
from typing import Any

from or1_verify.code.child import FRAMES_PER_REPORT
from or1_verify.code.launch import TimeBudget, start_job
from or1_verify.code.names import classes_in, unbound_names, uses_of
from or1_verify.code.needs import foreign_needs
from or1_verify.code.outcome import BadTestsError, FailedTest, failure_of
from or1_verify.code.run_io import load
from or1_verify.code.run_plan import plan_of
from or1_verify.code.spec import AssertTests, CheckTests, assigned_attributes, code_of, names_of, node_classes
from or1_verify.sandbox import Limits, Sandbox, Session

_NO_ERRORS: dict[str, Any] = {"classes": [], "names": {}, "missing": []}
"""The table of exceptions of a program without any."""
_CODING_S = 1e-4
"""User time for coding one frame on either side, measured [s]: it is not the program's own time."""


def failures_of_code(
    sandbox: Sandbox, tests: CheckTests | AssertTests, program: str, limits: Limits, budget: TimeBudget
) -> list[FailedTest]:
    """The first failed test, if any. All tests share one process of the program and its limits.

    Raises:
        BadTestsError: the tests fail by themselves.
    """
    names = list(names_of(tests))
    sources = (tests.setup, *code_of(tests))
    need = foreign_needs(sources, names)
    if need:
        raise BadTestsError(f"the tests need {need}")
    both = {
        "setup": tests.setup,
        "names": names,
        "node_classes": sorted(node_classes(tests)),
        **uses_of(sources, names),
    }
    session = start_job(sandbox, {**both, "side": "program", "program": program}, limits)
    try:
        loaded = load(session, 0)
        if isinstance(loaded, FailedTest):
            return [loaded]
        about = {"errors": loaded.get("errors", _NO_ERRORS), "facts": loaded.get("facts")}
        return _tested(sandbox, tests, both | about, session, limits)
    finally:
        budget.add(session.close())


def _tested(
    sandbox: Sandbox, tests: CheckTests | AssertTests, both: dict[str, Any], program: Session, limits: Limits
) -> list[FailedTest]:
    plan = plan_of(tests.setup, code_of(tests))
    job = {
        **both,
        "side": "tester",
        "unbound": [each for each in unbound_names(tests.setup, code_of(tests)) if each not in both["names"]],
        "known_classes": classes_in(tests.setup),
        "assigned": sorted(assigned_attributes(tests)),
        "tests": list(code_of(tests)),
        "cases": plan.cases,
        "with_harness": plan.with_harness,
        "counts_checks": plan.counts_checks,
    }
    modules = ("assertions",) * plan.counts_checks + ("harness",) * plan.with_harness
    # The tester waits while the program computes, so its wall time limit must be longer.
    patient = Limits(cpu_s=2 * limits.cpu_s, wall_s=2 * limits.wall_limit_s, memory_bytes=2 << 30)
    tester = start_job(sandbox, job, patient, modules, talks_to=program)
    num_frames = 0
    try:
        while True:
            frame = tester.receive()
            if frame is None:
                return [_tester_lost(tester, num_frames)]
            report = json.loads(frame)
            if "num_frames" in report:
                num_frames = report["num_frames"]
                for each in (program, tester):
                    each.allow(FRAMES_PER_REPORT * _CODING_S)
            elif "lost" in report:
                break
            else:
                return _failure(report, num_frames)
    finally:
        tester.close()
    return [failure_of(0, program.wait())]


def _tester_lost(tester: Session, num_frames: int) -> FailedTest:
    """The failed test when the tester reaches a limit; BadTestsError before the first call of the program."""
    failure = failure_of(0, tester.wait())
    if num_frames == 0:
        raise BadTestsError(f"the tests end before they call the program: {failure.detail}")
    return FailedTest(0, failure.reason, f"while its result was compared: {failure.detail}")


def _failure(verdict: dict[str, Any], num_frames: int) -> list[FailedTest]:
    if verdict["failure"] is None:
        if verdict["num_calls"] == 0:
            raise BadTestsError("the tests pass without a call of the program")
        if verdict["num_checks"] == 0:  # for some result of the program, no check runs
            return [FailedTest(0, "wrong_answer", "the tests end without a check of a result")]
        return []
    index, reason, detail = verdict["failure"]
    if reason == "unsupported" or (num_frames == 0 and reason != "wrong_answer"):
        raise BadTestsError(str(detail))  # after the first reply, the program may have caused the failure
    return [FailedTest(index, "wrong_answer" if reason in ("test_error", "bad_tests") else reason, detail)]
