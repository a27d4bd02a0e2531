"""Code that runs inside the sandbox: the program's side, the tester's side, and the checker's side.

Standard library only: this code is sent to sandboxed processes. Each process gets one job as its second
frame, after this code. The parent trusts none of its messages.
"""

from __future__ import annotations

import ast
import io
import json
import random
import re
import sys
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial, reduce
from pathlib import Path
from typing import Any

from or1_verify.code.rpc import EndpointLostError, RpcEndpoint
from or1_verify.code.rpc_arrays import guard_numpy
from or1_verify.code.rpc_atoms import TransferError, has_own_equality, has_own_operators, is_value_class
from or1_verify.code.rpc_error_classes import ErrorClasses, error_table
from or1_verify.code.rpc_errors import came_from_program, describe, guard_loops
from or1_verify.code.rpc_facts import Facts, facts_of
from or1_verify.code.rpc_loops import rewritten

Send = Callable[[bytes], None]
Receive = Callable[[], bytes | None]
_RECURSION_LIMIT = 50_000
"""As LiveCodeBench's preamble sets it [frames]."""
_DETAIL = 400
"""Longest description of a failure [characters]."""
_NEEDS_CLASS = (
    *("catching classes that do not inherit", "isinstance() arg 2 must be", "issubclass() arg "),
    *("asdict() should be called", "astuple() should be called", "must be called with a dataclass"),
    "replace() should be called",
)
"""Begins of errors of tests that use a class of the program as a class: it stays in the program's process."""
_NEEDS_LOOP = re.compile(
    r"'async for' |object \w+ can't be used in 'await' expression$|a coroutine was expected, got "
    r"|'\w+' object does not support the asynchronous context manager protocol"
)
"""Begins of errors of tests that run an object of the program in an event loop; its name has no blank."""
PROGRAM_FILE = "main.py"
FRAMES_PER_REPORT = 256
"""A tester reports the first frame that it sends to the program, and each frame after this number of them."""


def run(job: dict[str, Any], send: Send, receive: Receive, open_channel: Callable[[int], Any]) -> None:
    """Run a job until the parent closes the channel; a tester opens one to the program too."""
    sys.setrecursionlimit(_RECURSION_LIMIT)
    if job["side"] == "tester":
        _tester(job, send, open_channel(0))
    else:
        {"program": _program, "checker": _checker}[job["side"]](job, send, receive)


def reads_itself(program: str) -> bool:
    """Whether a program may need its own file: it names `__file__`, `inspect` or its arguments."""
    return any(word in program for word in ("__file__", "inspect", "argv"))


def _program(job: dict[str, Any], send: Send, receive: Receive) -> None:
    """Load a program as a module, report the result, then answer calls.

    The result of the setup is reported before the program is compiled: no program can claim that the setup
    failed.
    """
    scope = _module("solution")
    try:
        exec(_compiled(job["setup"], "<setup>"), scope)
    except Exception as error:
        send(json.dumps({"bad_setup": _where(error)}).encode())
        return
    send(json.dumps({"setup": True}).encode())
    given = [each for each in scope.values() if isinstance(each, type) and each.__module__ == "solution"]
    for name in job["names"]:
        scope.pop(name, None)  # a stub in the setup must not replace a missing definition

    def find_class(name: str) -> type | None:
        found = scope.get(name)
        return found if isinstance(found, type) else None

    def find_name(name: str) -> Any:
        if name.startswith("entry:"):
            return lambda *args: _entry_point(scope, name.removeprefix("entry:"))(*args)
        first, *inner = name.split(".")
        if first not in scope:
            raise NameError(f"name '{first}' is not defined")
        return reduce(getattr, inner, scope[first])

    try:
        scope["__file__"] = PROGRAM_FILE
        if reads_itself(job["program"]):
            Path(PROGRAM_FILE).write_text(job["program"], encoding="utf-8", errors="surrogatepass")
        exec(_compiled(job["program"], PROGRAM_FILE), scope)
        endpoint = RpcEndpoint(
            send,
            receive,
            node_classes=frozenset(job["node_classes"]),
            find_class=find_class,
            find_name=find_name,
            kept_classes=_kept_classes(scope, job),
        )
        facts = facts_of(scope, job["names"], given, endpoint.kept_entry)
        loaded = {"ready": True, "errors": error_table(scope, job["names"]), "facts": facts}
        frame = json.dumps(loaded).encode()
    except BaseException as error:
        send(json.dumps({"failed": describe(error)[0], "detail": _where(error)}).encode())
        return
    send(frame)
    endpoint.serve()


def _kept_classes(scope: dict[str, Any], job: dict[str, Any]) -> tuple[type, ...]:
    """Classes whose instances stay in this process: a plain value would lose their methods or operators."""
    classes, operands, named = (
        [found for name in job[key] if isinstance(found := scope.get(name), type)]
        for key in ("classes", "operands", "names")
    )
    known = [each for each in scope.values() if isinstance(each, type)]
    own = [each for each in known if each.__module__ == "solution"]
    asked = frozenset(job["attributes"])
    used = [each for each in (*named, *filter(is_value_class, own)) if _is_asked(each, asked, own)]
    text_enums = [each for each in known if issubclass(each, str) and issubclass(each, Enum)]
    operated = filter(has_own_operators, operands)
    return (*classes, *used, *text_enums, *operated, *filter(has_own_equality, named))


def _is_asked(cls: type, asked: frozenset[str], own: Sequence[type]) -> bool:
    """Whether the tests use an attribute that a class of the program defines."""
    defined = set[str]().union(*(vars(each) for each in cls.__mro__ if each in own))
    if issubclass(cls, Enum):
        defined |= {"name", "value"}
    return bool(asked & defined) or (bool(asked) and "__getattr__" in defined)


def _module(name: str) -> dict[str, Any]:
    """The namespace of a new module, registered so that dataclasses find the module of a class."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    return vars(module)


def _compiled(source: str | ast.Module, file: str) -> types.CodeType:
    """Compile without this module's `from __future__ import annotations`."""
    return compile(source, file, "exec", dont_inherit=True)


def _entry_point(scope: dict[str, Any], name: str) -> Any:
    """The function, found as in LiveCodeBench: a method of `Solution()` if there is such a class."""
    solution = scope.get("Solution")
    if isinstance(solution, type) and hasattr(solution, name):
        return getattr(solution(), name)
    if name not in scope:
        raise NameError(f"name '{name}' is not defined")
    return scope[name]


def _tester(job: dict[str, Any], send: Send, program: Any) -> None:
    """Run test code with stand-ins for the objects of the program; the last frame is the verdict."""
    scope = _module("__main__")
    sys.stdin = io.StringIO()  # its descriptor is the channel to the program

    def find_class(name: str) -> type:
        found = scope.get(name)
        if not isinstance(found, type) or name not in job["node_classes"]:
            raise TransferError("malformed payload: an object of a class that the tests do not define")
        return found

    endpoint = RpcEndpoint(
        *_reported(program, send),
        node_classes=frozenset(job["node_classes"]),
        find_class=find_class,
        find_name=None,
        may_set=partial(_is_field, frozenset(job["assigned"])),
        class_names=frozenset([*job["classes"], *job["operands"]]),
        known_classes=frozenset(job["known_classes"]),
    )
    endpoint.compared = dict.fromkeys(job["compared"])
    counter: Any = None
    if job["counts_checks"]:
        from or1_verify.code.assertions import CheckCounter

        counter = CheckCounter()
    random.seed(0)  # tests with random inputs get the same ones each time
    solution = types.ModuleType("solution")
    vars(solution).update(__getattr__=endpoint.named, __all__=job["names"])
    sys.modules["solution"] = solution
    try:
        failure = _first_failure(job, scope, endpoint, counter)
    except EndpointLostError:
        send(json.dumps({"lost": True}).encode())
        return
    except BaseException as error:
        failure = [0, "bad_tests", _where(error)]
    num_checks = counter.num_checks if counter else None
    verdict = {"failure": failure, "num_calls": endpoint.num_uses, "num_checks": num_checks}
    send(json.dumps(verdict).encode())


def _reported(channel: Any, report: Send) -> tuple[Send, Receive]:
    """Functions that exchange frames with the program, and report the number of frames to the parent."""
    num_sent = 0

    def send(frame: bytes) -> None:
        nonlocal num_sent
        if num_sent % FRAMES_PER_REPORT == 0:
            report(json.dumps({"num_frames": num_sent + 1}).encode())
        num_sent += 1
        try:
            channel.send(frame)
        except OSError:
            raise EndpointLostError from None

    def receive() -> bytes | None:
        try:
            frame: bytes | None = channel.receive()
        except OSError:
            return None
        except ValueError as error:
            raise TransferError(str(error)) from None
        return frame

    return send, receive


def _is_field(assigned: frozenset[str], cls: type, name: str) -> bool:
    """Whether a program may set an attribute: not one that the class of the tests defines.

    Methods, properties and constants of a class are the tests' own. A default value that its class annotates,
    or that the tests themselves set on some instance, is a field.
    """
    for each in cls.__mro__[:-1]:
        if name not in vars(each):
            continue
        defined = vars(each)[name]
        if callable(defined) or hasattr(type(defined), "__get__"):
            return type(defined) is types.MemberDescriptorType  # an entry of `__slots__`
        own = vars(each)
        return defined is None or name in assigned or name in (own.get("__annotations__") or {})
    return True


def _first_failure(
    job: dict[str, Any], scope: dict[str, Any], endpoint: RpcEndpoint, counter: Any
) -> list[Any] | None:
    """Run the setup and all tests; the first failure as [index, reason, detail]."""
    run_cases: Callable[[Mapping[str, Any], Sequence[str]], None] | None = None
    if job["with_harness"]:
        from or1_verify.code.harness import install
        from or1_verify.code.harness import run_cases as run_cases_found

        install(scope)
        run_cases = run_cases_found

    def execute(source: str, file: str) -> None:
        tree = ast.parse(source)
        tree = counter.counted(tree, scope) if counter else tree
        exec(_compiled(rewritten(tree, scope, endpoint.seeds), file), scope)

    guard_loops(scope)
    guard_numpy("\n".join((job["setup"], *job["tests"])))
    execute(job["setup"], "<setup>")
    try:
        endpoint.error_classes = ErrorClasses(job["errors"], endpoint, scope)
        given = {name: scope[name] for name in job["known_classes"] if name in scope}
        endpoint.facts = Facts(job["facts"] or {}, given)
    except (TransferError, TypeError, LookupError, AttributeError) as error:
        return [0, "wrong_answer", str(error)]
    endpoint.known |= endpoint.error_classes.named
    scope.update({name: endpoint.named(name) for name in job["names"]})
    for index, (test, cases) in enumerate(zip(job["tests"], job["cases"], strict=True)):
        steps: list[Callable[[], None]] = [partial(execute, test, "<tests>")]
        steps += [partial(run_cases, scope, cases)] if run_cases else []
        found = next(filter(None, (_failure(job, test, step) for step in [*steps, endpoint.confirm])), None)
        if found and endpoint.unsupported:
            found = ("unsupported", f"UnsupportedTestsError: {endpoint.unsupported}")
        if found:
            return [index, *found]
    is_checked = counter is None or counter.num_checks > 0
    problem = endpoint.evidence.problem() if is_checked else None
    return [len(job["tests"]) - 1, *problem] if problem else None


def _failure(job: dict[str, Any], test: str, run_test: Callable[[], None]) -> tuple[str, str] | None:
    try:
        run_test()
    except EndpointLostError:
        raise
    except TransferError as error:
        return "runtime_error", str(error)[:_DETAIL]
    except BaseException as error:
        if came_from_program(error):
            reason = "memory_limit" if isinstance(error, MemoryError) else "runtime_error"
            return reason, f"{type(error).__name__}: {error}"[:_DETAIL]
        if isinstance(error, SystemExit) and not (
            error.code or came_from_program(error.__context__ or error)
        ):
            return None
        kind = "wrong_answer" if isinstance(error, AssertionError) else "test_error"
        kind = "unsupported" if _is_unsupported(error, job) else kind
        return kind, f"{_failing_line(test, error)}: {_where(error)}"[:_DETAIL]
    return None


def _is_unsupported(error: BaseException, job: dict[str, Any]) -> bool:
    """Whether tests fail by a need that cannot be met, or by a name or module that is not there.

    A program that does not define a name that the tests use has no class to be used as one.
    """
    if isinstance(error, NameError) and error.name in job["unbound"]:
        return True
    if type(error) is ModuleNotFoundError:
        return True
    needs_class = isinstance(error, TypeError) and str(error).startswith(_NEEDS_CLASS)
    last = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)][-1:]
    if str(error).startswith("issubclass() arg 1") and last != ["<tests>"]:
        return False  # a library asks for the class of a result
    needs_class = needs_class and not job["errors"]["missing"]
    needs_loop = isinstance(error, TypeError) and _NEEDS_LOOP.match(str(error)) is not None
    return needs_class or needs_loop or type(error).__name__ == "UnsupportedTestsError"


def _failing_line(test: str, error: BaseException) -> str:
    lines = _lines(error, "<tests>")
    return test.splitlines()[lines[-1] - 1].strip()[: _DETAIL // 2] if lines else "the test"


def _lines(error: BaseException, *files: str) -> list[int]:
    """The lines of these files in a traceback, the innermost last."""
    return [n for frame, n in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename in files]


def _checker(job: dict[str, Any], send: Send, receive: Receive) -> None:
    """Load a checker and call it on one output."""
    scope = _module("checker")
    exec(_compiled(job["program"], "<checker>"), scope)
    try:
        reply: dict[str, Any] = {"accepted": bool(scope["check"](*json.loads(receive() or b"")))}
    except Exception as error:
        reply = {"error": _where(error)}
    send(json.dumps(reply).encode())


def _where(error: BaseException) -> str:
    """Class, text and line of an exception."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:
        text = type(error).__name__
    lines = _lines(error, PROGRAM_FILE, "<tests>", "<setup>", "<checker>")
    return f"{text[:_DETAIL]}{f' (line {lines[-1]})' if lines else ''}"
