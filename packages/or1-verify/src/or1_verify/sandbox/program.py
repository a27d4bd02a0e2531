"""Run one program as `__main__`, in a process that has been locked in."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import gc
import os
import sys
import threading
from io import TextIOWrapper
from types import ModuleType
from typing import Any, NoReturn, cast

from or1_verify.sandbox.types import MAX_FRAME_BYTES

CHANNEL = 3
"""Descriptor of the channel to the parent."""
MEMORY_STATUS = 117
"""Exit status after an uncaught MemoryError. A program may exit with it too: it gains nothing."""
FILE_NAME = "main.py"
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
"""Files that the program's file system lacks, since each process has others behind them -> descriptor."""
_python_open = open


def run(source: bytes) -> NoReturn:
    """Compile and execute; ends the process with 0, the program's own status, 1 or MEMORY_STATUS."""
    sys.argv = [FILE_NAME]
    main = ModuleType("__main__")
    vars(main).update(__file__=FILE_NAME, __builtins__=builtins)
    sys.modules["__main__"] = main
    builtins.open = _open
    gc.enable()
    status = 0
    try:
        exec(compile(source, FILE_NAME, "exec", dont_inherit=True), vars(main))
    except BaseException as error:
        status = _status_of(error)
    os._exit(_finished(main, status))


def _open(file: Any, *args: Any, **kwargs: Any) -> Any:
    """As python's own, with the names of the standard streams."""
    if type(file) is str and file in _STANDARD:
        file = os.dup(_STANDARD[file])
    return _python_open(file, *args, **kwargs)


def open_streams() -> None:
    """What the program will find as its streams, as python opens them with UTF-8 and no terminal.

    In the fork-server, since it takes a while. Standing pipes and a file take the place of the program's, for
    what the streams learn about them when they are opened.
    """
    _offer_channel()
    away, out = os.pipe()
    for number in (1, 2):
        os.dup2(out, number)
    os.close(away)
    os.close(out)
    sys.stdin = sys.__stdin__ = _stream(0, "r", "surrogateescape")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w", "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", "backslashreplace", buffering=1)  # type: ignore[misc]


def _stream(descriptor: int, mode: str, errors: str, buffering: int = -1) -> TextIOWrapper:
    opened = open(descriptor, mode, buffering, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
    return cast(TextIOWrapper, opened)


def _offer_channel() -> None:
    """The module `or1_channel`: frames of a length in four bytes, highest first, and that many bytes."""
    module = ModuleType("or1_channel")
    vars(module).update(_or1_send=send, _or1_receive=receive)
    sys.modules["or1_channel"] = module


def send(message: bytes) -> None:
    """One frame to the parent; ValueError above 64 MiB."""
    if len(message) > MAX_FRAME_BYTES:
        raise ValueError(f"a message of {len(message)} bytes is too long")
    rest = memoryview(len(message).to_bytes(4, "big") + message)
    while rest:
        rest = rest[os.write(CHANNEL, rest) :]


def receive() -> bytes | None:
    """The next frame from the parent; None when there will be no more."""
    header = _read(4)
    return None if header is None else _read(int.from_bytes(header, "big"))


def _read(size: int) -> bytes | None:
    pieces = []
    while size:
        piece = os.read(CHANNEL, min(size, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _status_of(error: BaseException) -> int:
    """Exit status that python would give, after saying what it would say."""
    if isinstance(error, SystemExit):
        if error.code is None:
            return 0
        if isinstance(error.code, int):
            return error.code & 0xFF
        sys.stderr.write(f"{error.code}\n")
        return 1
    _complain(error)
    return MEMORY_STATUS if isinstance(error, MemoryError) else 1


def _complain(error: BaseException) -> None:
    """The traceback without the frame of this module; whatever the program put in its way."""
    try:
        traceback = error.__traceback__
        error.__traceback__ = traceback.tb_next if traceback else None
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException:
        os.write(2, type(error).__name__.encode("utf-8", "replace") + b"\n")


def _finished(main: ModuleType, status: int) -> int:
    """What python does at its end, but for taking the interpreter apart: threads, exit handlers, files."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException as error:
        status = status or _status_of(error)
    # Before the names go that a stream of the program's own may need.
    for stream in (sys.stdout, sys.__stdout__):
        try:
            stream.flush()  # type: ignore[union-attr]
        except (ValueError, AttributeError):
            continue  # closed, or replaced by something else: as the program wished
        except BaseException as error:
            status = status or _status_of(error)
    vars(main).clear()  # a file that only the program holds writes what it has kept back
    with contextlib.suppress(BaseException):
        sys.__stdout__.flush()  # type: ignore[union-attr]
    return status
