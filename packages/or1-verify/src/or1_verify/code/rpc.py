"""Remote calls between two processes that do not trust each other, one frame at a time.

Standard library only: this code is sent to sandboxed processes. The two sides are a *tester*, which holds the
expected values and never loads a program, and a *program*. Each frame is a request or the reply to the last
open request, so only one side sends at a time and frames need no numbers.

The program's side can only reply to requests with plain values, and call functions that were passed to it as
arguments. It has no access to attributes of objects on the tester's side.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from or1_verify.code.rpc_errors import UnsupportedTestsError, came_from_program, describe, raise_described
from or1_verify.code.rpc_values import TransferError, ValueDecoder, ValueEncoder, is_mutable, value_of

_MESSAGE = 300
"""Longest text of an exception that is transferred [characters]."""


class EndpointLostError(Exception):
    """The other side has ended."""


_QUESTIONS = frozenset({"issubset", "issuperset", "isdisjoint", "startswith", "endswith", "equals"})
"""Methods of values that answer a question about their argument, which may be an expected value."""
_SEARCHES = frozenset({"count", "index", "find", "rfind", "rindex"})


class RemoteObject:
    """Stand-in for an object of the other side.

    Attributes, calls, iteration, `len`, `[]`, `str`, `repr` and truth are evaluated on the other side.
    Comparison is not: two stand-ins are equal if they stand for the same object, whatever its class defines.
    `in` is not either, because the key may be an expected value: the elements are fetched once and compared
    here. Only for an instance of a class that the tests call by name, `in` is evaluated on the other side,
    since the tests may test it. Methods of values with the same meaning, such as `issubset` and `index`, are
    called on such an instance only, and `index` and other searches on the objects that it gives.
    """

    def __init__(self, endpoint: RpcEndpoint, entry: list[Any], label: str) -> None:
        object.__setattr__(self, "_or1_endpoint", endpoint)
        object.__setattr__(self, "_or1_entry", entry)
        object.__setattr__(self, "_or1_label", label)
        object.__setattr__(self, "_or1_is_tested", False)
        object.__setattr__(self, "_or1_is_part", False)
        object.__setattr__(self, "_or1_refused", "")
        object.__setattr__(self, "_or1_elements", (-1, []))
        object.__setattr__(self, "_or1_length", (-1, 0))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        plain = [each for each in (*args, *kwargs.values()) if type(each) is not RemoteObject]
        if self._or1_refused and plain:
            raise TypeError(f"{self._or1_refused} of a result is not called with a value of the tests")
        result = self._or1_endpoint.call(self, args, kwargs)
        if type(result) is RemoteObject and self._or1_is_part:
            object.__setattr__(result, "_or1_is_part", True)
        if type(result) is RemoteObject and self._or1_entry[0] == "name":
            object.__setattr__(result, "_or1_is_tested", self._or1_label.lstrip("_")[:1].isupper())
        return result

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"{self._or1_label} has no attribute {name}")
        result = self._or1_endpoint.call(getattr, (self, name), {})
        if type(result) is RemoteObject and self._or1_entry[0] != "name":
            is_part = self._or1_is_tested or self._or1_is_part
            asks = not self._or1_is_tested and (name in _QUESTIONS or (name in _SEARCHES and not is_part))
            object.__setattr__(result, "_or1_is_part", is_part)
            object.__setattr__(result, "_or1_refused", name if asks else "")
        return result

    def __setattr__(self, name: str, value: Any) -> None:
        self._or1_endpoint.call(setattr, (self, name, value), {})

    def __eq__(self, other: object) -> bool:
        if type(other) is not RemoteObject or self._or1_entry == other._or1_entry:
            return self is other or type(other) is RemoteObject
        if self._or1_is_tested and other._or1_is_tested:
            raise UnsupportedTestsError(f"objects of the program's class {self._or1_label} are compared")
        return False

    def __hash__(self) -> int:
        return id(self)

    def __len__(self) -> Any:
        endpoint = self._or1_endpoint
        when, elements = self._or1_elements
        same_moment = when == endpoint.num_calls
        length = endpoint.call(len, (self,), {})
        if same_moment:
            self._or1_agree(elements, length)
            object.__setattr__(self, "_or1_elements", (endpoint.num_calls, elements))
        object.__setattr__(self, "_or1_length", (endpoint.num_calls, length))
        return length

    def __bool__(self) -> Any:
        return self._or1_endpoint.call(bool, (self,), {})

    def __str__(self) -> Any:
        return self._or1_endpoint.call(str, (self,), {})

    def __repr__(self) -> Any:
        return self._or1_endpoint.call(repr, (self,), {})

    def __iter__(self) -> Any:
        elements = self._or1_endpoint.call(iter, (self,), {})
        if elements is self or self._or1_is_tested or self._or1_is_part:
            return elements
        return self._or1_all(elements)

    def _or1_all(self, elements: Any) -> Iterator[Any]:
        """The elements of a result; an error after the last one if its length, where it has one, differs."""
        found = []
        for element in elements:
            found.append(element)
            yield element
        try:
            length = self._or1_endpoint.call(len, (self,), {})
        except TypeError:
            return
        self._or1_agree(found, length)

    def __next__(self) -> Any:
        return self._or1_endpoint.call(next, (self,), {})

    def __getitem__(self, key: Any) -> Any:
        return self._or1_endpoint.call(self._or1_special("__getitem__"), (key,), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        self._or1_endpoint.call(self._or1_special("__setitem__"), (key, value), {})

    def __contains__(self, key: Any) -> Any:
        endpoint = self._or1_endpoint
        if self._or1_is_tested:
            return endpoint.call(self._or1_special("__contains__"), (key,), {})
        when, elements = self._or1_elements
        if when != endpoint.num_calls:  # the program may have changed it since
            started = endpoint.num_calls
            elements = list(self)  # also calls __len__, if there is one
            when, length = self._or1_length
            if when >= started:
                self._or1_agree(elements, length)
            object.__setattr__(self, "_or1_elements", (endpoint.num_calls, elements))
        return key in elements

    def _or1_agree(self, elements: list[Any], length: Any) -> None:
        if length != len(elements):
            raise TypeError(f"{self._or1_label} has {len(elements)} elements but its length is {length}")

    def _or1_special(self, name: str) -> Any:
        return self._or1_endpoint.call(getattr, (self, name), {})


def _operator(name: str) -> Callable[..., NoReturn]:
    def unsupported(self: RemoteObject, *others: Any) -> NoReturn:
        error = UnsupportedTestsError if self._or1_is_tested else TypeError
        raise error(f"the operator {name} of an object of the program ({self._or1_label})")

    return unsupported


_OPERATORS = (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul and or xor "
    "lshift rshift lt le gt ge neg pos abs invert int float round enter exit"
)
for _name in _OPERATORS.split():
    setattr(RemoteObject, f"__{_name}__", _operator(_name))


class RpcEndpoint:
    """One end of the connection."""

    def __init__(
        self,
        send: Callable[[bytes], None],
        receive: Callable[[], bytes | None],
        *,
        node_classes: frozenset[str],
        find_class: Callable[[str], type],
        find_name: Callable[[str], Any] | None,
        may_set: Callable[[type, str], bool] = lambda cls, name: True,
        find_error: Callable[[str], type[Exception] | None] = lambda name: None,
    ) -> None:
        """Create one endpoint; sends nothing yet.

        Args:
            send: sends one frame.
            receive: returns the next frame; None if the other side has ended.
            node_classes: names of classes whose instances are transferred as their attributes.
            find_class: returns the class of a name on this side.
            find_name: returns an object of the program that the other side names: a function or class. None
                on the tester's side, where no object can be named.
            may_set: whether the other side may set an attribute of an instance of this class.
            find_error: returns the exception class of this name that this side defines, if there is one.
        """
        self._find_error = find_error
        self._send = send
        self._receive = receive
        self._node_classes = node_classes
        self._find_name = find_name
        self._decoder = ValueDecoder(find_class, self._handle, arrays=True, may_set=may_set)
        self._kept: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._remote: dict[int, RemoteObject] = {}
        self.num_calls = 0
        """Number of calls to the other side."""
        self.num_uses = 0
        """The same without those for truth and text alone."""
        self._failed_check: AssertionError | None = None

    def named(self, name: str) -> RemoteObject:
        """Stand-in for the program's object `name`."""
        return RemoteObject(self, ["name", name], name)

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function on the other side; changes that it makes to arguments in place are made here too.

        Raises:
            Exception: the exception of the function, as a builtin one that `came_from_program`.
            TransferError: an argument cannot be transferred, or the reply is malformed.
            EndpointLostError: the other side ended.
        """
        self.num_calls += 1
        self.num_uses += function not in (bool, str, repr)
        encoder = self._encoder()
        try:
            root = encoder.item([function, list(args), kwargs])
        except UnsupportedTestsError as error:
            if _is_of_the_tests(function, args):
                raise
            raise TransferError(str(error)) from None  # a result asked: its program chose to return an object
        self._write({"root": root, "heap": encoder.entries})
        while True:
            message = self._read()
            if "root" in message:
                self._answer(message)
                continue
            if "raise" in message:
                stops = self._find_name is not None or function is next
                raise_described(message["raise"], stops=stops, find_error=self._find_error)
            return result_of(message, encoder, self._decoder)

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
        try:
            reply = self._reply(message)
        except EndpointLostError:
            raise
        except BaseException as error:
            if isinstance(error, AssertionError) and not came_from_program(error):
                self._failed_check = self._failed_check or error
            reply = {"raise": describe(error)}
        self._write(reply)

    def _reply(self, message: dict[str, Any]) -> dict[str, Any]:
        objects = self._decoder.read(message["heap"])
        function, args, kwargs = value_of(message["root"], objects)
        if self._find_name is None and not any(function is kept for kept in self._kept.values()):
            raise TransferError("only functions that were passed as arguments can be called")
        result = function(*args, **kwargs)
        encoder = self._encoder(objects)
        item = encoder.item(result)
        changes = []
        for index, before in enumerate(message["heap"]):
            if is_mutable(before):
                entry = encoder.shallow(objects[index])
                if entry != before:
                    changes.append([index, entry])
        return {"return": item, "heap": encoder.entries, "changes": changes}

    def _encoder(self, known: list[Any] | None = None) -> ValueEncoder:
        return ValueEncoder(self._node_classes, self._entry, known or [])

    def _entry(self, value: Any) -> list[Any]:
        if isinstance(value, RemoteObject):
            entry: list[Any] = value._or1_entry
            return entry
        if self._find_name is None and not callable(value):
            raise UnsupportedTestsError(f"a {type(value).__name__} cannot be passed to the program")
        name = value.__name__ if isinstance(value, type | type(len)) else ""
        if self._find_name is None and name and vars(builtins).get(name) is value:
            return ["builtin", name]
        number = self._numbers.setdefault(id(value), len(self._kept))
        self._kept[number] = value
        return ["export", number, type(value).__name__[:80]]

    def _handle(self, entry: list[Any]) -> Any:
        if entry[0] == "export":
            number, label = int(entry[1]), str(entry[2])
            if number not in self._remote:
                self._remote[number] = RemoteObject(self, ["yours", number], label)
            return self._remote[number]
        if entry[0] == "yours":
            return self._kept[int(entry[1])]
        if self._find_name is None:
            raise TransferError(f"malformed payload: {entry[0]} may not come here")
        return vars(builtins)[entry[1]] if entry[0] == "builtin" else self._find_name(entry[1])

    def _write(self, message: dict[str, Any]) -> None:
        self._send(json.dumps(message, separators=(",", ":")).encode())

    def _read(self) -> dict[str, Any]:
        frame = self._receive()
        if frame is None:
            raise EndpointLostError
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError) as error:
            raise TransferError(f"malformed reply: {type(error).__name__}") from None
        if not isinstance(message, dict):
            raise TransferError("malformed reply: not a JSON object")
        return message


def _is_of_the_tests(function: Any, args: tuple[Any, ...]) -> bool:
    """Whether a call goes to a name of the program or to an instance that the tests made."""
    target = function if type(function) is RemoteObject else args[0] if args else None
    return type(target) is RemoteObject and (target._or1_entry[0] == "name" or bool(target._or1_is_tested))


def result_of(reply: dict[str, Any], request: ValueEncoder, decoder: ValueDecoder) -> Any:
    """The return value in a reply, after the changes in it are made to the objects of the request.

    Raises:
        TransferError: the reply does not follow the format.
    """
    if not isinstance(reply.get("heap"), list) or not isinstance(reply.get("changes"), list):
        raise TransferError("malformed reply")
    objects = decoder.read(reply["heap"], request.objects)
    try:
        for index, entry in reply["changes"]:
            before = request.entries[index]
            if not is_mutable(before) or before[:1] != entry[:1]:
                raise TransferError("malformed reply: a change of an immutable object")
            decoder.fill(objects[index], entry, objects)
        return value_of(reply["return"], objects)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise TransferError(f"malformed reply: {error}"[:_MESSAGE]) from None
