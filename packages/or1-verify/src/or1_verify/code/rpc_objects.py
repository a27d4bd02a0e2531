"""Stand-ins for objects of the other process. Standard library only: see `rpc`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from or1_verify.code.rpc_atoms import (
    CLASSES,
    OPERATORS,
    UNIQUE,
    TransferError,
    is_capitalised,
    is_class_name,
    is_foreign,
    is_type,
    value_of_atom,
)
from or1_verify.code.rpc_errors import UnsupportedTestsError, came_from_program
from or1_verify.code.rpc_evidence import ANSWERED_BY_VALUES, QUESTIONS, TELLING
from or1_verify.code.rpc_functions import OF_FUNCTIONS, described
from or1_verify.code.rpc_operators import Whole, believed, class_check, operator_of, refuse_difference
from or1_verify.code.rpc_states import equality, is_changed, is_member, note_called, says_equal, values_given

if TYPE_CHECKING:
    from or1_verify.code.rpc import RpcEndpoint


class _Local:
    """The attributes of a stand-in itself: `__dict__` is that of its object."""


_state: Callable[[_Local], dict[str, Any]] = vars(_Local)["__dict__"].__get__


class RemoteObject(_Local):
    """Stand-in for an object of the other side.

    Attributes, calls, iteration, `len`, `[]`, `str`, `repr` and truth are evaluated on the other side.
    Comparison is not: two stand-ins are equal if they stand for the same object, whatever its class defines.
    `in` is not either, because the key may be an expected value: the elements are fetched once and compared
    here. Only for an instance of a class that the tests call by name, `in` is evaluated on the other side,
    since the tests may test it. Methods of values with the same meaning, such as `issubset` and `index`, are
    called on such an instance only, and `index` and other searches on the objects that it gives.
    """

    def __init__(
        self,
        endpoint: RpcEndpoint,
        entry: list[Any],
        label: str,
        names: tuple[Any, Any] | None = None,
        value: tuple[Any, Any] | None = None,
    ) -> None:
        """Create a stand-in.

        Args:
            endpoint: this side of the connection.
            entry: names the object to the other side.
            label: the name of its class.
            names: name and docstring of a function.
            value: of an object that inherits from a class of values, its `value_kind` and its atom or None.
        """
        known = (-1, value_of_atom(value[1])) if value and value[1] else None
        self._or1_note(
            _or1_endpoint=endpoint, _or1_entry=entry, _or1_label=label, _or1_names=names,
            _or1_kind=value[0] if value else "", _or1_known=known, _or1_refused="", _or1_asked="",
            _or1_is_tested=False, _or1_is_made=False, _or1_is_part=False, _or1_is_built=False, _or1_maker="",
            _or1_elements=(-1, []), _or1_length=(-1, 0), _or1_is_returned=False, _or1_sees=False,
            _or1_is_left=False,
            _or1_given=None, _or1_state=None,
        )  # fmt: skip

    def _or1_note(self, **values: Any) -> None:
        """Set attributes of the stand-in itself."""
        _state(self).update(values)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        has_default = self._or1_asked in ("get", "pop") and len(args) > 1 and not self._or1_is_part
        is_given_value = bool({*map(type, (*args, *kwargs.values()))} - {RemoteObject})
        if (self._or1_refused or has_default) and is_given_value:
            raise TypeError(f"{self._or1_asked} of a result is not called with a value of the tests")
        values = values_given(self, args, kwargs)
        result = self._or1_endpoint.call(self, args, kwargs)
        if not self._or1_is_believed and type(result) is not RemoteObject:
            self._or1_endpoint.evidence.add_answer(self._or1_asked or "a call", result)
        if type(result) is RemoteObject and self._or1_is_part:
            result._or1_note(_or1_is_part=True)
            if self._or1_maker == result._or1_label:  # another way to make an instance
                result._or1_note(_or1_is_tested=True, _or1_is_returned=True, _or1_is_built=True)
        if type(result) is RemoteObject and self._or1_is_named:
            is_own = result._or1_kind == "own" and is_class_name(self._or1_label)
            is_made = is_own or self._or1_label in self._or1_endpoint.class_names
            result._or1_note(_or1_is_tested=is_capitalised(self._or1_label), _or1_is_made=is_made)
        note_called(self, result, values)
        return result

    def __getattr__(self, name: str) -> Any:
        refuse_difference(self, name)
        if self._or1_is_named and (inner := f"{self._or1_label}.{name}") in self._or1_endpoint.known:
            return self._or1_endpoint.known[inner]
        if name in ("__name__", "__qualname__") and self._or1_names is not None:
            return self._or1_names[0]
        if name == "__signature__" and (self._or1_is_named or self._or1_is_tested):
            raise UnsupportedTestsError(f"the signature of an object of the program ({self._or1_label})")
        if name.startswith("__") and name.endswith("__"):
            return self._or1_described(name)
        if name in ANSWERED_BY_VALUES and self._or1_is_value and not self._or1_is_tested:
            return operator.attrgetter(name)(self._or1_value())
        if name in QUESTIONS and self._or1_is_tested and self._or1_is_returned:
            raise UnsupportedTestsError(f"{name} of what a method returned ({self._or1_label})")
        result = self._or1_endpoint.call(getattr, (self, name), {})
        is_part = self._or1_is_tested or self._or1_is_part
        asks = name in QUESTIONS or (name in TELLING and not is_part)
        asks = asks and not self._or1_is_named and not self._or1_is_tested
        if asks and type(result) is type:
            raise TypeError(f"{name} of a result is a class")
        if type(result) is RemoteObject and not self._or1_is_named:
            result._or1_note(_or1_is_part=is_part, _or1_refused=name if asks else "", _or1_asked=name)
        elif type(result) is RemoteObject:
            label, classes = self._or1_label, self._or1_endpoint.class_names
            is_part = is_capitalised(label)
            maker = label if is_part else ""
            result._or1_note(_or1_is_part=is_part, _or1_is_made=label in classes, _or1_maker=maker)
        elif not self._or1_is_believed:
            self._or1_endpoint.evidence.add_answer(name, result)
        return result

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return self._or1_described("__dict__")

    def _or1_described(self, name: str) -> Any:
        """The attributes of an object of the program, or a special attribute of one that the tests name or
        make."""
        asks_attributes = name == "__dict__" and self._or1_endpoint.error_classes is not None
        if name in {*OF_FUNCTIONS, "__wrapped__"} and (self._or1_is_named or self._or1_label == "function"):
            return described(name, self._or1_endpoint.call(getattr, (self, name), {}))
        is_known = self._or1_is_named or self._or1_is_tested or asks_attributes
        is_array = name == "__array__" and self._or1_is_believed
        if not is_array and (not is_known or name.startswith("__array")):
            raise AttributeError(f"{self._or1_label} has no attribute {name}")
        result = self._or1_endpoint.call(getattr, (self, name), {})
        parts = list(result.values()) if isinstance(result, dict) else result
        if isinstance(parts, list | tuple) and RemoteObject in map(type, parts):
            if not self._or1_is_believed:
                raise AttributeError(f"{self._or1_label} has objects in {name}")
            raise UnsupportedTestsError(f"{name} of an object of the program ({self._or1_label})")
        return result

    @property
    def _or1_is_named(self) -> bool:
        """Whether the tests ask for this object by name."""
        return bool(self._or1_entry[0] == "name")

    @property
    def _or1_token(self) -> tuple[Any, ...]:
        """The same for a name of the program and a result that is its object."""
        number = self._or1_endpoint.facts.objects.get(self._or1_label) if self._or1_is_named else None
        return (*self._or1_entry,) if number is None else ("yours", number)

    @property
    def _or1_is_given(self) -> bool:
        """Whether the tests have made this object, and no method has returned it."""
        return bool(self._or1_is_tested and not self._or1_is_returned)

    @property
    def _or1_is_believed(self) -> bool:
        """Whether the tests ask for this object by name, or make it by a class that they call by name."""
        return bool(self._or1_is_named or self._or1_is_tested or self._or1_is_part)

    def __setattr__(self, name: str, value: Any) -> None:
        self._or1_endpoint.call(setattr, (self, name, value), {})

    def __delattr__(self, name: str) -> None:
        self._or1_endpoint.call(delattr, (self, name), {})

    @property
    def _or1_is_value(self) -> bool:
        """Whether the object is compared as the value that it inherits from.

        With an equality of its own, only if a function returned it: the tests may mean that equality for an
        object that they make, and no object of a program may replace the equality of a result.
        """
        return bool(self._or1_kind) and (self._or1_kind == "exact" or not self._or1_is_made)

    def _or1_value(self) -> Any:
        """The value of the object: fixed if it has no parts, else as of the last call of the program."""
        endpoint = self._or1_endpoint
        if self._or1_known is None or self._or1_known[0] not in (-1, endpoint.num_calls):
            value = endpoint.call(None, (self,), {})
            if type(value) is RemoteObject:
                raise TransferError("malformed reply: a value that is an object")
            self._or1_note(_or1_known=(endpoint.num_calls, value))
        return self._or1_known[1]

    def __eq__(self, other: object) -> bool:
        if type(other) is not RemoteObject:
            if self._or1_is_named:  # a constant or a counter of the program
                found = self._or1_endpoint.call(None, (self,), {})
                return type(found) is not RemoteObject and bool(found == other)
            if self._or1_is_value:
                is_equal = bool(self._or1_value() == other)
                self._or1_endpoint.evidence.is_found |= is_equal
                return is_equal
            is_own = self._or1_is_made or self._or1_says_equal(other)
            if is_own and not self._or1_is_returned and other is not None:
                raise UnsupportedTestsError(f"an object of the program ({self._or1_label}) and a value")
            if is_foreign(other):
                raise UnsupportedTestsError(f"a {type(other).__name__} and a result of the program")
            return False
        if self._or1_token == other._or1_token:
            return True
        if self._or1_is_value and other._or1_is_value and not (is_changed(self) or is_changed(other)):
            return bool(self._or1_value() == other._or1_value())
        if self._or1_is_itself or other._or1_is_itself:
            return False
        if (found := equality(self, other)) is not None:
            return found
        if is_member(self) and is_member(other):
            return False
        raise UnsupportedTestsError(f"objects of the program's class {self._or1_label} are compared")

    def _or1_says_equal(self, other: object) -> bool:
        """Whether an object that the tests make claims to equal a value, and not everything: only an equality
        of its own knows."""
        if not self._or1_is_given or not is_class_name(self._or1_label) or is_foreign(other):
            return False
        return says_equal(self, other) and not says_equal(self, [other])

    def __hash__(self) -> Any:
        """The value's, or the object's own: those of equal hash are compared."""
        if self._or1_is_value:
            return hash(self._or1_value())
        return hash(self._or1_token) if self._or1_is_itself else self._or1_endpoint.call(hash, (self,), {})

    @property
    def _or1_is_itself(self) -> bool:
        """Whether the object is equal to no other one: a function, a class, an iterator, an exception."""
        return self._or1_is_named or self._or1_names is not None or self._or1_label in UNIQUE

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The class that `isinstance` sees: one of the setup, if the object's inherits from it."""
        facts = self._or1_endpoint.facts
        kind = facts.kinds.get(self._or1_label, "") if self._or1_is_named else self._or1_label
        if kind in facts.bases:
            return facts.bases[kind]
        if self._or1_is_made:
            raise UnsupportedTestsError(f"the class of an object of the program ({self._or1_label})")
        return type(self._or1_value()) if self._or1_kind else CLASSES.get(kind, RemoteObject)

    def _or1_type(self) -> Any:
        """The result of `type`: the stand-in of a class that the tests name is one and the same object."""
        is_own = self._or1_is_made or self._or1_label in self._or1_endpoint.facts.bases
        known = self.__class__ if not is_own else RemoteObject
        if known is not RemoteObject:
            return known
        endpoint = self._or1_endpoint
        found = endpoint.call(type, (self,), {})
        names = found._or1_names if type(found) is RemoteObject else None
        return endpoint.known[names[0]] if names and names[0] in endpoint.known else found

    __instancecheck__, __subclasscheck__ = class_check(isinstance), class_check(issubclass)

    @property
    def _or1_doc(self) -> Any:
        if self._or1_is_named or self._or1_is_tested:
            return self._or1_endpoint.call(getattr, (self, "__doc__"), {})
        return self._or1_names[1] if self._or1_names is not None else None

    def __format__(self, spec: str) -> Any:
        return self._or1_plain(format, spec)

    def __len__(self) -> Any:
        endpoint = self._or1_endpoint
        when, elements = self._or1_elements
        is_now, length = when == endpoint.num_calls, self._or1_plain(len)
        if is_now:
            self._or1_agree(elements, length)
            self._or1_note(_or1_elements=(endpoint.num_calls, elements))
        self._or1_note(_or1_length=(endpoint.num_calls, length))
        return length

    def _or1_plain(self, function: Any, *args: Any) -> Any:
        """The answer of a function of Python about this object."""
        return believed(self, function.__name__, self._or1_endpoint.call(function, (self, *args), {}))

    def __bool__(self) -> Any:
        return self._or1_plain(bool)

    def __str__(self) -> Any:
        return self._or1_plain(str)

    def __repr__(self) -> Any:
        return self._or1_plain(repr)

    def __iter__(self) -> Any:
        return self._or1_iterator("")

    def _or1_iterator(self, kind: str) -> Any:
        """The iterator of this object; with a kind, one whose elements are fetched together."""
        refuse_difference(self, "iter")
        elements = self._or1_endpoint.call(iter, (self,), {})
        is_bare = elements is self or self._or1_is_given
        if kind and type(elements) is RemoteObject:
            elements = self._or1_endpoint.together(elements, kind)
        return elements if is_bare else self._or1_all(elements)

    def __reversed__(self) -> Any:
        elements = self._or1_endpoint.call(reversed, (self,), {})
        return elements if self._or1_is_given else self._or1_all(elements)

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
        refuse_difference(self, "[]")
        result = self._or1_endpoint.call(operator.getitem, (self, key), {})
        is_class = self._or1_is_named and is_class_name(self._or1_label)
        return self if is_class and all(map(is_type, key if type(key) is tuple else [key])) else result

    def __setitem__(self, key: Any, value: Any) -> None:
        self._or1_endpoint.call(operator.setitem, (self, key, value), {})

    def __delitem__(self, key: Any) -> None:
        self._or1_endpoint.call(operator.delitem, (self, key), {})

    def __contains__(self, key: Any) -> Any:
        endpoint = self._or1_endpoint
        if self._or1_is_given:
            return endpoint.call(operator.contains, (self, key), {})
        if self._or1_is_value:
            return key in self._or1_value()
        when, elements = self._or1_elements
        if when != endpoint.num_calls:  # the program may have changed it since
            started = endpoint.num_calls
            try:
                elements = list(Whole(self, "all"))  # also calls __len__, if there is one
            except TypeError as error:
                if not self._or1_is_tested or not came_from_program(error):
                    raise
                raise UnsupportedTestsError(f"`in` of what a method returned ({self._or1_label})") from None
            when, length = self._or1_length
            if when >= started:
                self._or1_agree(elements, length)
            self._or1_note(_or1_elements=(endpoint.num_calls, elements))
        return key in elements

    def _or1_agree(self, elements: list[Any], length: Any) -> None:
        if length != len(elements):
            raise TypeError(f"{self._or1_label} has {len(elements)} elements but its length is {length}")


vars(type)["__setattr__"](RemoteObject, "__doc__", vars(RemoteObject)["_or1_doc"])
for _name in OPERATORS:
    setattr(RemoteObject, f"__{_name}__", operator_of(_name))
