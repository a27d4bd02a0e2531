"""Remote calls between two processes that do not trust each other, one frame at a time.

Standard library only: this code is sent to sandboxed processes. The two sides are a *tester*, which holds the
expected values and never loads a program, and a *program*. Each frame is a request or the reply to the last
open request, so only one side sends at a time and frames need no numbers.

The program's side can only reply to requests with plain values, and call functions that were passed to it as
arguments. It has no access to attributes of objects on the tester's side.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from operator import gt
from typing import Any

from or1_verify.code.rpc_arrays import array_of_program, plain_array
from or1_verify.code.rpc_atoms import FROM_PROGRAMS, KNOWN, NAMES, TransferError, atom_of, value_kind
from or1_verify.code.rpc_error_classes import ErrorClasses, is_made, new_error, remote_of, stand_in_at
from or1_verify.code.rpc_errors import (
    UnsupportedTestsError,
    came_from_program,
    describe,
    error_of,
    is_own_error,
    label_of,
    library_error,
)
from or1_verify.code.rpc_evidence import Evidence
from or1_verify.code.rpc_facts import Facts
from or1_verify.code.rpc_functions import crossing, is_plain_function
from or1_verify.code.rpc_loops import set_seeds
from or1_verify.code.rpc_messages import changes_of, frame_of, message_of, request_of, result_of
from or1_verify.code.rpc_objects import RemoteObject
from or1_verify.code.rpc_own import Method, OwnObjects, StandIns, identity_of, is_iterator, is_mocked, may_use
from or1_verify.code.rpc_shared import Shared, keeps, uses_of
from or1_verify.code.rpc_trust import is_believed, is_of_the_tests, may_stop, note_known
from or1_verify.code.rpc_values import ValueDecoder, ValueEncoder, value_of

_MAX_BATCH, _BATCH_S = 256, 0.01
"""Largest number of elements that are fetched together, and time for them [s]."""


class EndpointLostError(Exception):
    """The other side has ended."""


class RpcEndpoint:
    """One end of the connection."""

    def __init__(
        self,
        send: Callable[[bytes], None],
        receive: Callable[[], bytes | None],
        *,
        node_classes: frozenset[str],
        find_class: Callable[[str], type | None],
        find_name: Callable[[str], Any] | None,
        may_set: Callable[[type, str], bool] = lambda cls, name: True,
        kept_classes: tuple[type, ...] = (),
        class_names: frozenset[str] = frozenset(),
        known_classes: frozenset[str] = frozenset(),
    ) -> None:
        """Create one endpoint; sends nothing yet.

        Args:
            send: sends one frame.
            receive: returns the next frame; None if the other side has ended.
            node_classes: names of classes whose instances are transferred as their attributes.
            find_class: returns the class of a name on this side; None if the program has none.
            find_name: returns an object of the program that the other side names: a function or class. None
                on the tester's side, where no object can be named.
            may_set: whether the other side may set an attribute of an instance of this class.
            kept_classes: classes of this side whose instances are never transferred as plain values.
            class_names: names of the program that the tests use as classes.
            known_classes: names of classes of the tests whose code the program's side has too.
        """
        self.error_classes: ErrorClasses | None = None
        self._kept_classes = kept_classes
        self.class_names = class_names
        self.compared: dict[str, Any] = {}  # those whose instances are compared, and their attributes
        self.seeds: list[list[Any]] = []  # of random numbers, set by the tests since the last call
        self._send = send
        self._receive = receive
        self._node_classes = node_classes
        self._find_name = find_name
        self._find_class = find_class
        self._may_set = may_set
        self.unsupported: UnsupportedTestsError | None = None
        """The first need of a function of the tests, called by the program, that cannot be met."""
        self._own: Any = OwnObjects(known_classes) if find_name is None else StandIns(find_class, self.call)
        arrays = array_of_program if find_name is None else plain_array
        self._decoder = ValueDecoder(self._class, self._handle, arrays=arrays, may_set=may_set, own=self._own)
        self._kept: dict[int, Any] = {}
        self._numbers: dict[object, int] = {}
        self._remote: dict[int, RemoteObject] = {}
        self.known: dict[str, Any] = {}
        """The stand-ins for objects of the program that the tests name, and exception classes."""
        self.facts = Facts({}, {})
        self.num_calls = 0  # of the other side
        self.num_uses = 0
        """The same without those for truth and text alone."""
        self.evidence = Evidence()
        self._stdout = sys.stdout
        self._shared = Shared()
        self._failed_check: AssertionError | None = None
        self._lock = threading.RLock()  # tests and programs may have threads; a call may lead to other calls

    def named(self, name: str) -> Any:
        """Stand-in for the program's object `name`, or its exception class: the same one each time."""
        if name not in self.known:
            self.known[name] = RemoteObject(self, ["name", name], name)
        return self.known[name]

    def together(self, iterator: RemoteObject, kind: str) -> Iterator[Any]:
        """Elements of an iterator, each fetched with those after it, as long as the kind allows it.

        The kind is "all", or "numbers" if the tests may stop at another element.
        """
        while True:
            ahead: deque[tuple[dict[str, Any], ValueEncoder]] = deque()
            try:
                yield self.call(next, (iterator,), {}, (kind, ahead))
                while ahead:
                    yield self._result(*ahead.popleft(), next)
            except StopIteration:
                return

    def call(
        self,
        function: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        together: tuple[str, deque[tuple[dict[str, Any], ValueEncoder]]] | None = None,
    ) -> Any:
        """Call a function on the other side; changes that it makes to arguments in place are made here too.

        If `together` is set, the call may be repeated: the replies after the first go to its second part.

        Raises:
            Exception: the exception of the function, as a builtin one that `came_from_program`.
            TransferError: an argument cannot be transferred, or the reply is malformed.
            EndpointLostError: the other side ended.
        """
        with self._lock:
            self.num_calls += 1
            self.num_uses += not any(function is each for each in (bool, str, repr))
            encoder = self._encoder([], self._kept_classes)
            try:
                items = encoder.items([function, *args, *kwargs.values()])
                encoder.items(self._own.changed())
            except UnsupportedTestsError as error:
                if is_of_the_tests(function, args):
                    raise
                raise TransferError(str(error)) from None  # of a result: its program chose an object
            is_captured = self._find_name is None and sys.stdout is not self._stdout
            options: dict[str, Any] = {"batch": together[0]} if together and not is_captured else {}
            back = self._shared.changes(self._encoder_of)
            options |= ({"captures": True} if is_captured else {}) | ({"back": back} if back else {})
            if self.seeds:
                options["seeds"] = self.seeds[:]
                self.seeds.clear()
            self._write(request_of(items, kwargs, encoder) | options)
            while True:
                message = self._read()
                if "call" in message:
                    self._answer(message)
                    continue
                if is_captured:
                    sys.stdout.write(str(message["output"]) if "output" in message else "")
                if together and "batch" in message:
                    replies = message["batch"]
                    if type(replies) is not list or not replies or {*map(type, replies)} != {dict}:
                        raise TransferError("malformed reply: a batch of no replies")
                    message, *others = replies
                    together[1].extend((each, encoder) for each in others)
                return self._result(message, encoder, function)

    def _result(self, message: dict[str, Any], encoder: ValueEncoder, function: Any) -> Any:
        """The result in a reply, or its error."""
        is_error = "raise" in message
        if is_error:
            self.evidence.is_found |= function is not getattr
            message = {"return": None, "heap": [], "changes": []} | message
        result, objects = result_of(message, encoder, self._decoder)
        self._own.end_call(is_kept=self._find_name is not None or "kept" in message)
        note_known(result, encoder.objects)
        self._shared.end(message.get("ended"))
        self._shared.apply(message.get("back", ()), self._decoder, self._encoder_of)
        if self._find_name is None and type(number := message.get("shared")) is int:
            self._shared.accept(number, objects, [*encoder.entries, *message["heap"]], self._encoder_of)
        if is_error:
            raise self._error(message, self._find_name is not None or may_stop(function))
        if self._find_name is None and "same" in message:
            result = self._shared.value_at(message["same"])
        is_value = type(result) is not RemoteObject and is_believed(function)
        self.evidence.is_found |= is_value or bool(message["changes"])
        return result

    def _error(self, message: dict[str, Any], stops: bool) -> BaseException:
        """The exception in a reply: the very one of this side, if it came from here, or a new one."""
        found = self._handle(message["object"]) if "object" in message else None
        if type(found) is not RemoteObject and isinstance(found, BaseException):
            return found

        def make(base: Any, args: Any, text: str, names: list[str], module: str, way: Any) -> Exception:
            if self.error_classes is None:  # the program's side
                own = [self._find_class(name) for name in names]
                cls = next((each for each in own if each and issubclass(each, Exception)), None)
                made = cls or library_error(names[0], module) or type(names[0], (base,), {})
                error: Exception = made(*args)
                vars(error).update({} if found is None or way else {"or1_source": found})
                return error
            cls = self.error_classes.find(names, module, base)
            remote = stand_in_at(self.call, found, way)
            if is_made(cls) or remote is None:
                return new_error(cls, args, text, remote) if is_made(cls) else cls(*args)
            error = new_error(cls, args, None, None)
            state = self.call(getattr, (remote, "__dict__"), {})
            allowed = {name: each for name, each in state.items() if self._may_set(cls, name)}
            vars(error).update({name: each for name, each in allowed.items() if name[:2] != "__"})
            return error

        return error_of(message["raise"], stops=stops, make=make)

    def confirm(self) -> None:
        """Raise the first failed check of a function that the program called and whose failure it caught."""
        if self._failed_check is not None:
            raise self._failed_check

    def serve(self) -> None:
        """Answer requests until the other side ends."""
        while True:
            try:
                self._answer(self._read())
            except EndpointLostError:
                return

    def _answer(self, message: dict[str, Any]) -> None:
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output) if "captures" in message else contextlib.nullcontext():
                reply = self._reply(message)
        except EndpointLostError:
            raise
        except BaseException as error:
            if isinstance(error, AssertionError) and not came_from_program(error):
                self._failed_check = self._failed_check or error
            if isinstance(error, UnsupportedTestsError):
                self.unsupported = self.unsupported or error
            reply = self._raised(error)
        if "captures" in message:
            reply["output"] = output.getvalue()
        self._write(self._batch(message, reply) if "batch" in message else reply)

    def _batch(self, message: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
        """The replies to a request that is repeated: until an error, a time or a number of them."""
        replies, deadline = [reply], time.monotonic() + _BATCH_S
        while len(replies) < _MAX_BATCH and time.monotonic() < deadline:
            if "raise" in replies[-1] or len(replies[-1]["heap"]) > _MAX_BATCH:
                break
            if message["batch"] != "all" and type(replies[-1]["return"]) not in (bool, int, float):
                break
            try:
                replies.append(self._reply(message))
            except EndpointLostError:
                raise
            except BaseException as error:
                replies.append(self._raised(error))
        return {"batch": replies}

    def _raised(self, error: BaseException) -> dict[str, Any]:
        """The reply for an exception; one whose class is not Python's stays here, for its attributes."""
        described = describe(error)
        reply: dict[str, Any] = {"raise": described}
        remote: Any
        if self._find_name is None:
            remote = remote_of(error)
            if remote is None and is_own_error(error):  # it may come back
                return reply | {"object": self.kept_entry(error)}
        else:
            error = error.with_traceback(None)
            remote = vars(error).get("or1_source", error if described[5] else None)
        return reply | {"object": self._entry(remote)} if remote is not None else reply

    def _reply(self, message: dict[str, Any]) -> dict[str, Any]:
        self._shared.apply(message.get("back", ()), self._decoder, self._encoder_of)
        if self._find_name is not None:
            set_seeds(message.get("seeds", ()))
        objects = self._decoder.read(message["heap"])
        function, *values = [value_of(item, objects) for item in message["call"]]
        first_named = len(values) - len(message["names"])
        args, kwargs = values[:first_named], dict(zip(message["names"], values[first_named:], strict=True))
        if self._find_name is None and not self._may_call(function, args):
            raise TransferError("only functions that were passed as arguments can be called")
        if function is None:  # the value of an object that stays here
            encoder = self._encoder([None] * len(objects), ())
            return {"return": encoder.item(args[0]), "heap": encoder.entries, "changes": []}
        is_program = self._find_name is not None
        uses = uses_of(objects, message["heap"]) if is_program else []
        result, raised = None, dict[str, Any]()
        try:
            result = crossing(function(*args, **kwargs))
        except BaseException as error:
            if not is_program or isinstance(error, EndpointLostError):
                raise
            raised = self._raised(error)
        is_kept = is_program and (any(map(gt, uses_of(objects, message["heap"]), uses)) or keeps(result))
        encoder = self._encoder(objects, self._kept_classes)
        item = encoder.items([result, *self._own.changed()])[0]
        changes = changes_of(message["heap"], encoder)
        reply = {"return": item, "heap": encoder.entries, "changes": changes} | raised
        reply |= {"kept": True} if is_kept else {}
        self._own.end_call(is_kept=is_kept or not is_program)
        if not is_program:
            return reply | ({"back": back} if (back := self._shared.changes(self._encoder_of)) else {})
        kept = (result, is_plain_function(function)) if is_kept else None
        entries = [*message["heap"], *encoder.entries]
        return reply | self._shared.after_call(encoder.objects, entries, self._encoder_of, kept)

    def _may_call(self, function: Any, args: list[Any]) -> bool:
        """Whether the program may call a function of the tests' side; notes the call as evidence."""
        if may_use(self._own, function, args):
            return True
        self.evidence.is_found = True
        is_passed = any(function is kept for kept in self._kept.values())
        return is_passed or (function is getattr and is_mocked(args))

    def _class(self, name: str) -> type:
        return self._find_class(name) or type(name, (), {})

    def _encoder(self, known: Sequence[Any], kept_classes: tuple[type, ...]) -> ValueEncoder:
        return ValueEncoder(self._node_classes, self._entry, known, kept_classes, self._own)

    def _encoder_of(self, objects: list[Any]) -> ValueEncoder:
        return self._encoder(objects, self._kept_classes)

    def _entry(self, value: Any) -> list[Any]:
        if type(value) is Method:
            return ["method", value.name]
        stand_in = value if isinstance(value, RemoteObject) else remote_of(value)
        if stand_in is not None:
            return list(stand_in._or1_entry)
        name = NAMES.get(id(value), "")
        if name and (self._find_name is None or name in FROM_PROGRAMS):
            return ["builtin", name]
        if self._find_name is None and not callable(value) and not is_iterator(value):
            raise UnsupportedTestsError(f"a {type(value).__name__} cannot be passed to the program")
        return self.kept_entry(value)

    def kept_entry(self, value: Any) -> list[Any]:
        """The entry of an object that stays on this side, with its number."""
        number = self._numbers.setdefault(identity_of(value), len(self._kept))
        self._kept[number] = value
        entry = ["export", number, label_of(value)[:80]]
        if isinstance(value, self._kept_classes) and (kind := value_kind(value)):
            return ["kept", *entry[1:], kind, atom_of(value)]
        is_function = isinstance(value, types.FunctionType | type)
        return [*entry, value.__name__, value.__doc__] if is_function else entry

    def _handle(self, entry: list[Any]) -> Any:
        if entry[0] in ("export", "kept"):
            number, label = int(entry[1]), str(entry[2])
            if number in self._remote:
                self._remote[number]._or1_note(_or1_is_returned=True)
            else:
                names = (entry[3], entry[4]) if len(entry) == 5 else None
                is_value = entry[0] == "kept"
                self._remote[number] = RemoteObject(
                    self, ["yours", number], label, None if is_value else names, names if is_value else None
                )
            return self._remote[number]
        if entry[0] == "method" and self._find_name is None:
            return Method(str(entry[1]))
        if entry[0] == "yours":
            return self._kept[int(entry[1])]
        if self._find_name is None and entry[0] == "builtin" and entry[1] in FROM_PROGRAMS:
            return KNOWN[entry[1]]
        if self._find_name is None:
            raise TransferError(f"malformed payload: {entry[0]} may not come here")
        return KNOWN[entry[1]] if entry[0] == "builtin" else self._find_name(entry[1])

    def _write(self, message: dict[str, Any]) -> None:
        self._send(frame_of(message))

    def _read(self) -> dict[str, Any]:
        frame = self._receive()
        if frame is None:
            raise EndpointLostError
        return message_of(frame)
