"""Messages between a process and its parent come back as they were, and a receiver takes no other types."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from or1.cluster import verify_messages
from or1.config import LossConfig, OptimizerConfig
from or1.lab import worker as lab
from or1.processes.heartbeat import Heartbeat
from or1.processes.messages import decode, encode
from or1.rollout import engine_messages
from or1.tasks.user import UserGoldCheck, UserVerifier
from or1.tasks.verifiers_env import EnvironmentVerifier
from or1.trainer import rank_messages
from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.base import Verifier
from or1_verify.code import CodeVerifier
from or1_verify.code.fusion import SandboxFusionVerifier
from or1_verify.golds import with_gold_checks
from or1_verify.math import MathVerifier
from or1_verify.messages import MessageError
from or1_verify.pool.second_opinion import MathVerifyVerifier
from or1_verify.types import Verdict

RECEIVERS = {
    "engine": engine_messages.REQUESTS,
    "pool of engines": (*engine_messages.REPLIES, Heartbeat),
    "rank": rank_messages.REQUESTS,
    "driver of ranks": (*rank_messages.REPLIES, Heartbeat),
    "verifier workers of a machine": verify_messages.REQUESTS,
    "driver of verifiers": (*verify_messages.REPLIES, Heartbeat),
    "worker of a lab": lab.REQUESTS,
    "lab": (*lab.REPLIES, Heartbeat),
}
USER = UserVerifier("task.py", "reward", "hash", "{}")
CHECKED = {"math": MathVerifier(min_gold_digits=3), "code": CodeVerifier(reward="fraction")}
VERIFIERS = [
    *with_gold_checks(CHECKED).values(), ArithmeticVerifier(), MathVerifyVerifier(), USER,
    UserGoldCheck(USER), SandboxFusionVerifier(url="http://x"), EnvironmentVerifier("or1_additions"),
]  # fmt: skip
DATA: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=9)
    | st.just(Path("x")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)
KNOWN: dict[Any, st.SearchStrategy[Any]] = {
    Any: DATA,
    type(None): st.none(),
    bool: st.booleans(),
    int: st.integers(-(2**80), 2**80),
    float: st.floats(),
    str: st.text(st.characters()),
    Path: st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).map(Path),
    Verifier: st.sampled_from(VERIFIERS),
    LossConfig: st.builds(
        LossConfig, kl_coefficient=st.floats(0, 1), average=st.sampled_from(["token", "sequence"])
    ),
    OptimizerConfig: st.builds(OptimizerConfig, learning_rate=st.floats(0, 1, exclude_min=True)),
    Verdict: st.builds(Verdict.wrong, st.text(), st.text(), st.floats(0, 1))
    | st.builds(Verdict.not_judged, st.text()),
    rank_messages.RankCall: st.builds(
        rank_messages.RankCall, st.sampled_from(sorted(rank_messages.METHODS)), st.just(Path("x"))
    ),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of the type of a field."""
    if hint in KNOWN:
        return KNOWN[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return st.one_of(map(values, inner))
    if origin is np.ndarray:
        (scalar,) = get_args(inner[1])
        return arrays(np.dtype(scalar), st.integers(0, 5))
    if origin is tuple and inner[-1] is not ...:
        return st.tuples(*map(values, inner))
    if origin in (tuple, list, Sequence):
        made = st.lists(values(inner[0]), max_size=3)
        return made.map(tuple) if origin is tuple else made
    if origin in (dict, Mapping):
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=3)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    hints = get_type_hints(hint)
    return st.builds(hint, **{field.name: values(hints[field.name]) for field in fields(hint)})


def assert_same(theirs: object, ours: object) -> None:
    """Equal in type and value, down to the bits of arrays."""
    assert type(theirs) is type(ours)
    if isinstance(ours, np.ndarray):
        assert isinstance(theirs, np.ndarray)
        assert (theirs.dtype, theirs.shape, theirs.tobytes()) == (ours.dtype, ours.shape, ours.tobytes())
    elif isinstance(ours, dict):
        assert_same(list(theirs.items()), list(ours.items()))  # type: ignore[attr-defined]
    elif isinstance(ours, list | tuple):
        assert len(theirs) == len(ours)  # type: ignore[arg-type]
        for one, other in zip(theirs, ours, strict=True):  # type: ignore[call-overload]
            assert_same(one, other)
    elif is_dataclass(ours):
        for field in fields(ours):
            assert_same(getattr(theirs, field.name), getattr(ours, field.name))
    elif isinstance(ours, float):
        assert repr(theirs) == repr(ours)
    else:
        assert theirs == ours


@pytest.mark.parametrize(
    ("receiver", "kind"),
    [(name, kind) for name, kinds in RECEIVERS.items() for kind in kinds],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_is_sent_comes_back(receiver: str, kind: type, data: st.DataObject) -> None:
    message = data.draw(values(kind))
    assert_same(decode(encode(message), RECEIVERS[receiver]), message)


@pytest.mark.parametrize("receiver", RECEIVERS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_receiver_takes_no_message_of_another(receiver: str, data: st.DataObject) -> None:
    others = {kind for kinds in RECEIVERS.values() for kind in kinds} - {*RECEIVERS[receiver], Verifier}
    kind = data.draw(st.sampled_from(sorted(others, key=lambda each: each.__name__)))
    with pytest.raises(MessageError, match="it holds a "):
        decode(encode(data.draw(values(kind))), RECEIVERS[receiver])


def test_verifiers_come_back_equal_and_judge_alike() -> None:
    for verifier in VERIFIERS:
        back = decode(encode(verifier), (Verifier,))
        assert_same(back, verifier)
        assert back == verifier
