"""Run one program as `__main__`, in a process that is confined."""

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
"""Standard stream files, which the program's file system lacks -> descriptor."""
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
    """Python's `open`, with the names of the standard streams as well."""
    if type(file) is str and file in _STANDARD:
        file = os.dup(_STANDARD[file])
    return _python_open(file, *args, **kwargs)


def open_streams() -> None:
    """Open the standard streams of the programs, as Python does with UTF-8 and without a terminal.

    This runs in the fork server, because it takes long. Pipes and a file stand in for those of the program,
    because a stream object depends on the kind of file that it was opened for.
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
    """Provide the module `or1_channel`."""
    module = ModuleType("or1_channel")
    parent = FrameChannel(CHANNEL)
    vars(module).update(_or1_send=parent.send, _or1_receive=parent.receive, _or1_Channel=FrameChannel)
    sys.modules["or1_channel"] = module


class FrameChannel:
    """One end of a channel. A frame is a length in four bytes (big-endian) and the content."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unread = bytearray()

    def send(self, message: bytes) -> None:
        """Send one frame; ValueError above 64 MiB, OSError if the other end is closed."""
        _require_length(len(message))
        rest = memoryview(len(message).to_bytes(4, "big") + message)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def receive(self) -> bytes | None:
        """The next frame; None if the channel is closed; ValueError above 64 MiB."""
        header = self._read(4)
        if header is None:
            return None
        size = int.from_bytes(header, "big")
        _require_length(size)
        return self._read(size)

    def _read(self, size: int) -> bytes | None:
        """The next bytes of the channel; a short frame is read together with its length."""
        unread = self._unread
        while len(unread) < size:
            piece = os.read(self._descriptor, min(max(size - len(unread), 1 << 16), 1 << 20))
            if not piece:
                return None
            unread.extend(piece)
        content = bytes(memoryview(unread)[:size])
        del unread[:size]
        return content


def _require_length(num_bytes: int) -> None:
    if num_bytes > MAX_FRAME_BYTES:
        raise ValueError(f"a message of {num_bytes} bytes is too long")


def _status_of(error: BaseException) -> int:
    """The exit status of Python for this exception; prints the same message as Python."""
    if isinstance(error, SystemExit):
        if error.code is None:
            return 0
        if isinstance(error.code, int):
            return error.code & 0xFF
        sys.stderr.write(f"{error.code}\n")
        return 1
    _print_traceback(error)
    return MEMORY_STATUS if isinstance(error, MemoryError) else 1


def _print_traceback(error: BaseException) -> None:
    """Print the traceback without the frame of this module; never raises."""
    try:
        traceback = error.__traceback__
        error.__traceback__ = traceback.tb_next if traceback else None
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException:
        os.write(2, type(error).__name__.encode("utf-8", "replace") + b"\n")


def _finished(main: ModuleType, status: int) -> int:
    """Python's work at exit, without the teardown of the interpreter: threads, exit handlers, files."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException as error:
        status = status or _status_of(error)
    # Before the program's names are cleared, which a stream object of its own may need.
    for stream in (sys.stdout, sys.__stdout__):
        try:
            stream.flush()  # type: ignore[union-attr]
        except (ValueError, AttributeError):
            continue  # the program closed or replaced it
        except BaseException as error:
            status = status or _status_of(error)
    vars(main).clear()  # deletes open files of the program, which flushes them
    with contextlib.suppress(BaseException):
        sys.__stdout__.flush()  # type: ignore[union-attr]
    return status
