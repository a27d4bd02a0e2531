"""Tests that are data: the program gets one input, the parent compares its output or return value."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from or1_verify.code.compare import difference, same_value
from or1_verify.code.launch import TimeBudget, run_with_input, start_job
from or1_verify.code.outcome import BadTestsError, FailedTest, failure_of
from or1_verify.code.program import PREAMBLE
from or1_verify.code.rpc_arrays import plain_array
from or1_verify.code.rpc_atoms import TransferError, value_of_atom
from or1_verify.code.rpc_messages import request_of, result_of
from or1_verify.code.rpc_values import ValueDecoder, ValueEncoder, encode
from or1_verify.code.spec import FunctionTests, StdinTests
from or1_verify.sandbox import Ending, Limits, Sandbox, Session
from or1_verify.sandbox.types import MAX_FRAME_BYTES

_SHOWN = 100
"""Longest text of a value in a detail [characters]."""
_MAX_HASHED = 1 << 14
"""Largest number of keys and elements of sets, without texts, in a value that the parent decodes. Expected
values have fewer; hashing a forged value could take any time [hashed parts]."""
_SMALL_REPLY_BYTES, _SMALL_REPLY_PARTS = 1 << 16, 1 << 18
"""A reply of this length [bytes], with this number of brackets and commas, is parsed in any case."""
_LOADED_BYTES = 1 << 16
"""Longest load report of a program that is parsed [bytes]."""
_CHECKER_LIMITS = Limits(cpu_s=20.0)


def failures_of_stdin(
    sandbox: Sandbox, tests: StdinTests, program: str, limits: Limits, budget: TimeBudget
) -> Iterator[FailedTest]:
    """The failed tests in order; each test runs in a process of its own."""
    for index in range(len(tests.inputs)):
        failure = budget.measured(index, partial(_run, sandbox, tests, program, limits, budget, index))
        if failure is not None:
            yield failure
        if budget.is_spent:
            yield from _out_of_time(range(index + 1, len(tests.inputs)), budget)
            return


def failures_of_calls(
    sandbox: Sandbox, tests: FunctionTests, program: str, limits: Limits, budget: TimeBudget
) -> Iterator[FailedTest]:
    """The failed tests in order; one process and one call per test, so that no state is carried over."""
    for index in range(len(tests.inputs)):
        failure = budget.measured(index, partial(_call, sandbox, tests, program, limits, budget, index))
        if failure is not None:
            yield failure
        if budget.is_spent:
            yield from _out_of_time(range(index + 1, len(tests.inputs)), budget)
            return


def _out_of_time(indices: range, budget: TimeBudget) -> Iterator[FailedTest]:
    for index in indices:
        detail = (
            f"all tests together took {budget.user_s:.1f} s of user time and waited {budget.waited_s:.1f} s"
        )
        yield FailedTest(index, "time_limit", f"{detail} so far")


def _run(
    sandbox: Sandbox, tests: StdinTests, program: str, limits: Limits, budget: TimeBudget, index: int
) -> FailedTest | None:
    given, expected = tests.inputs[index], tests.outputs[index]
    execution = budget.add(run_with_input(sandbox, program, given, limits))
    if execution.ending is not Ending.EXITED:
        return failure_of(index, execution)
    output = execution.stdout.decode("utf-8", "replace")
    wrong = difference(output, expected)
    if wrong and tests.checker is not None:
        wrong = _rejected(sandbox, tests.checker, (given, output, expected))
    return FailedTest(index, "wrong_answer", wrong) if wrong else None


def _call(
    sandbox: Sandbox, tests: FunctionTests, program: str, limits: Limits, budget: TimeBudget, index: int
) -> FailedTest | None:
    arguments, expected = tests.inputs[index], tests.outputs[index]
    names = [tests.fn_name]  # functions of the preamble, such as `add`, are not the program's
    job = {
        "side": "program", "setup": PREAMBLE, "names": names, "program": program,
        "classes": [], "operands": [], "node_classes": [], "attributes": [],
    }  # fmt: skip
    session = start_job(sandbox, job, limits)
    try:
        loaded = load(session, index)
        if isinstance(loaded, FailedTest):
            return loaded
        request = ValueEncoder(export=lambda _: ["name", f"entry:{tests.fn_name}"])
        frame = _call_frame(request, arguments)
        session.send(frame)
        answer = session.receive()
        if answer is None:
            return failure_of(index, session.wait())
    finally:
        budget.add(session.close())
    if _is_oversized(answer, frame, expected):
        return FailedTest(
            index, "wrong_answer", f"a value of {len(answer)} bytes instead of {_short(expected)}"
        )
    return _compared(index, read_table(answer) or {}, request, expected, tests.may_be_wrapped)


def load(session: Session, index: int) -> FailedTest | dict[str, Any]:
    """Wait until the process has loaded its program; its report, or the failed test if it cannot.

    Raises:
        BadTestsError: the setup code fails.
    """
    setup = read_table(session.receive())
    if setup is None:
        return failure_of(index, session.wait())
    if "bad_setup" in setup:
        raise BadTestsError(f"the setup fails: {setup['bad_setup']}")
    frame = session.receive()
    if frame is None:
        return failure_of(index, session.wait())
    loaded = read_table(frame) if len(frame) <= _LOADED_BYTES else None
    if loaded is None or "failed" not in loaded:
        return loaded or {}
    reason = "memory_limit" if loaded["failed"] == "MemoryError" else "runtime_error"
    return FailedTest(index, reason, _text(loaded.get("detail"))[: 2 * _SHOWN])


def _call_frame(request: ValueEncoder, arguments: tuple[Any, ...]) -> bytes:
    """A request frame for the program's side (see `rpc`); the entry point is its only exported object.

    Raises:
        BadTestsError: the arguments are too large.
    """
    entry_point = object()
    items = request.items([entry_point, *arguments])
    frame = json.dumps(request_of(items, (), request)).encode()
    if len(frame) > MAX_FRAME_BYTES:
        raise BadTestsError(f"arguments of {len(frame)} bytes exceed the limit of {MAX_FRAME_BYTES}")
    return frame


def _is_oversized(reply: bytes, request: bytes, expected: Any) -> bool:
    """Whether a reply is too large to be the expected value with the arguments, which may have changed.

    Parsing costs memory and time per object, up to fifty times the length of a forged reply, so the brackets
    and commas are counted first. A value may take four times as many as expected: a list of numpy numbers
    does. Arguments may double.
    """
    wanted = json.dumps(encode(expected)).encode()
    num_parts = wanted.count(b"[") + wanted.count(b",")
    if len(reply) > _SMALL_REPLY_BYTES + 8 * (len(request) + len(wanted)) + 32 * num_parts:
        return True
    return any(
        reply.count(mark) > _SMALL_REPLY_PARTS + 2 * request.count(mark) + 4 * num_parts
        for mark in (b"[", b"{", b",")
    )


def _compared(
    index: int, reply: dict[str, Any], request: ValueEncoder, expected: Any, may_be_wrapped: bool
) -> FailedTest | None:
    if "raise" in reply:
        return raised_failure(index, reply["raise"])
    if reply.get("changes"):
        # Changes to the arguments are made to a copy: the next program gets the same tests.
        request.objects = ValueDecoder(handle=lambda _: None, arrays=plain_array).read(request.entries)
    try:
        value, _ = result_of(reply, request, ValueDecoder(handle=_part, max_hashed=_MAX_HASHED))
    except TransferError as error:
        return FailedTest(index, "wrong_answer", f"no plain value: {error}"[:_SHOWN])
    if same_value(value, expected) or (may_be_wrapped and same_value(value, expected[0])):
        return None
    return FailedTest(index, "wrong_answer", f"{_short(value)} instead of {_short(expected)}")


_OBJECT = type("an object", (), {})
"""Stands for a part of a result that is no value; equal to nothing."""


def _part(entry: list[Any]) -> Any:
    """A text of an enumeration is its value; another object may make a dictionary's missing values."""
    if entry[0] == "kept" and entry[3] == "exact" and entry[4] is not None:
        return value_of_atom(entry[4])
    if entry[0] in ("kept", "export"):
        return _OBJECT
    raise TransferError(f"malformed payload: entries of kind {str(entry[0])[:40]!r} are not allowed here")


def raised_failure(index: int, raised: Any) -> FailedTest:
    """The failed test for an exception that the program's side reports."""
    name, text, own = map(_text, raised[:3]) if isinstance(raised, list) and len(raised) > 2 else ("", "", "")
    reason = "memory_limit" if name == "MemoryError" else "runtime_error"
    return FailedTest(index, reason, f"{own or name}: {text}"[:_SHOWN])


def read_table(frame: bytes | None) -> dict[str, Any] | None:
    """The JSON object in a frame of the program's side; empty for any other content; None without a frame."""
    if frame is None:
        return None
    try:
        table = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}


def _rejected(sandbox: Sandbox, checker: str, case: tuple[str, str, str]) -> str | None:
    """None if the checker accepts an output, else the reason.

    Raises:
        BadTestsError: the checker fails, and does not accept the reference output either.
    """
    given, _, reference = case
    accepted, why = _checked(sandbox, checker, case)
    if accepted is None and not _checked(sandbox, checker, (given, reference, reference))[0]:
        raise BadTestsError(f"the checker does not accept the reference output: {why}")
    return None if accepted else why


def _checked(sandbox: Sandbox, checker: str, case: tuple[str, str, str]) -> tuple[bool | None, str]:
    """The result of a checker, run in a process of its own; None if the checker fails."""
    content = json.dumps(case).encode()
    if len(content) > MAX_FRAME_BYTES:
        return False, f"an output of {len(case[1])} characters is too long for the checker"
    session = start_job(sandbox, {"side": "checker", "program": checker}, _CHECKER_LIMITS)
    try:
        session.send(content)
        frame = session.receive()
        if frame is None:
            return None, f"the checker failed: {failure_of(0, session.wait()).detail}"
    finally:
        session.close()
    reply = json.loads(frame)
    if "error" in reply:
        return None, f"the checker failed: {reply['error']}"
    return reply["accepted"], "the checker rejects the output"


def _text(value: Any) -> str:
    """The value if it is a text, else empty: other values may be nested too deeply to be formatted."""
    return value if isinstance(value, str) else ""


def _short(value: Any) -> str:
    try:
        return reprlib.repr(value)[:_SHOWN]
    except (ValueError, RecursionError):  # a very long integer, or a very deep structure
        return f"a {type(value).__name__} that cannot be shown"
