"""Tests that are data: the program sees one input, the parent compares what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from or1.verify.code.bench import Clock, run_with_input, start_job
from or1.verify.code.compare import difference, same_value
from or1.verify.code.outcome import BadTestsError, Failure, failure_of
from or1.verify.code.peer import result_of
from or1.verify.code.program import PREAMBLE
from or1.verify.code.tests import FunctionTests, StdinTests
from or1.verify.code.transfer import Decoder, Encoder, TransferError
from or1.verify.sandbox import Ending, Limits, Sandbox, Session

_SHOWN = 100
"""Most characters of a value in a detail [characters]."""
_CHECKER_LIMITS = Limits(cpu_s=20.0)


def failures_of_stdin(
    sandbox: Sandbox, tests: StdinTests, program: str, limits: Limits, clock: Clock
) -> Iterator[Failure]:
    """Failures in order, one process for each test."""
    for index, (given, expected) in enumerate(zip(tests.inputs, tests.outputs, strict=True)):
        execution = clock.add(run_with_input(sandbox, program, given, limits))
        if execution.ending is not Ending.EXITED:
            yield failure_of(index, execution)
        else:
            output = execution.stdout.decode("utf-8", "replace")
            wrong = difference(output, expected)
            if wrong and tests.checker is not None:
                wrong = _rejected(sandbox, tests.checker, (given, output, expected))
            if wrong:
                yield Failure(index, "wrong_answer", wrong)
        if clock.is_over:
            yield from _out_of_time(range(index + 1, len(tests.inputs)), clock)
            return


def failures_of_calls(
    sandbox: Sandbox, tests: FunctionTests, program: str, limits: Limits, clock: Clock
) -> Iterator[Failure]:
    """Failures in order, one process and one call for each test: no state goes from one to the next."""
    for index, (arguments, expected) in enumerate(zip(tests.inputs, tests.outputs, strict=True)):
        failure = _call(sandbox, tests, program, limits, clock, index, arguments, expected)
        if failure is not None:
            yield failure
        if clock.is_over:
            yield from _out_of_time(range(index + 1, len(tests.inputs)), clock)
            return


def _out_of_time(indices: range, clock: Clock) -> Iterator[Failure]:
    for index in indices:
        yield Failure(index, "time_limit", f"all tests together took {clock.cpu_s:.1f} s so far")


def _call(
    sandbox: Sandbox,
    tests: FunctionTests,
    program: str,
    limits: Limits,
    clock: Clock,
    index: int,
    arguments: tuple[Any, ...],
    expected: Any,
) -> Failure | None:
    names = [tests.fn_name]  # the preamble defines functions such as `add`: they are not the program's
    job = {"side": "program", "setup": PREAMBLE, "names": names, "program": program, "node_classes": []}
    session = start_job(sandbox, job, limits)
    try:
        failure = load(session, index)
        if failure is not None:
            return failure
        request = Encoder(export=lambda _: ["name", f"entry:{tests.fn_name}"])
        session.send(_call_frame(request, arguments))
        reply = read_table(session.receive())
        if reply is None:
            return failure_of(index, session.wait())
    finally:
        clock.add(session.close())
    return _compared(index, reply, request, expected, tests.may_be_wrapped)


def load(session: Session, index: int) -> Failure | None:
    """Wait until a program's process has loaded its program; the failure if it cannot.

    Raises:
        BadTestsError: what comes before the program does not work.
    """
    setup = read_table(session.receive())
    if setup is None:
        return failure_of(index, session.wait())
    if "bad_setup" in setup:
        raise BadTestsError(f"the setup fails: {setup['bad_setup']}")
    loaded = read_table(session.receive())
    if loaded is None:
        return failure_of(index, session.wait())
    if "failed" not in loaded:
        return None
    reason = "memory_limit" if loaded["failed"] == "MemoryError" else "runtime_error"
    return Failure(index, reason, str(loaded.get("detail"))[: 2 * _SHOWN])


def _call_frame(request: Encoder, arguments: tuple[Any, ...]) -> bytes:
    """A call as the program's side understands it (see `peer`); the entry point is all that is exported."""
    entry_point = object()
    root = request.item([entry_point, list(arguments), {}])
    return json.dumps({"root": root, "heap": request.entries}).encode()


def _compared(
    index: int, reply: dict[str, Any], request: Encoder, expected: Any, may_be_wrapped: bool
) -> Failure | None:
    if "raise" in reply:
        return raised_failure(index, reply["raise"])
    try:
        value = result_of(reply, request, Decoder())
    except TransferError as error:
        return Failure(index, "wrong_answer", f"no plain value: {error}"[:_SHOWN])
    if same_value(value, expected) or (may_be_wrapped and same_value(value, expected[0])):
        return None
    return Failure(index, "wrong_answer", f"{_short(value)} instead of {_short(expected)}")


def raised_failure(index: int, raised: Any) -> Failure:
    """The failure that an exception means, as the program's side describes it."""
    name, text = (str(part) for part in raised) if isinstance(raised, list) and len(raised) == 2 else ("", "")
    reason = "memory_limit" if name == "MemoryError" else "runtime_error"
    return Failure(index, reason, f"{name}: {text}"[:_SHOWN])


def read_table(frame: bytes | None) -> dict[str, Any] | None:
    """The table in a frame of the program's side; empty if it holds anything else; None without a frame."""
    if frame is None:
        return None
    try:
        table = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}


def _rejected(sandbox: Sandbox, checker: str, case: tuple[str, str, str]) -> str | None:
    """None when the checker accepts an output, else why not.

    Raises:
        BadTestsError: the checker does not work, not even on the reference output.
    """
    given, _, reference = case
    job = {"side": "checker", "program": checker}
    session = start_job(sandbox, job, _CHECKER_LIMITS)
    try:
        session.send(json.dumps(case).encode())
        reply = read_table(session.receive())
        if reply is not None and reply.get("accepted") is True:
            return None
        if reply is not None and reply.get("accepted") is False:
            return "the checker rejects the output"
        if reply is None:
            raise BadTestsError(f"the checker ended: {failure_of(0, session.wait()).detail}")
        session.send(json.dumps((given, reference, reference)).encode())
        on_reference = read_table(session.receive())
        if on_reference is None or on_reference.get("accepted") is not True:
            raise BadTestsError(f"the checker fails on the reference output: {reply.get('error')}")
        return f"the checker fails on the output: {reply.get('error')}"
    finally:
        session.close()


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or value.bit_length() < 10_000 else "a huge integer"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
