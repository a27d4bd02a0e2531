"""Messages of the pool come back as they were; a damaged or hostile one ends in one clear error."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bad_verifiers import BadVerifier, FailsOnce
from builders import ExactVerifier, make_problem
from or1_verify.base import Verifier
from or1_verify.errors import RunStopped
from or1_verify.golds import with_gold_checks
from or1_verify.math import MathVerifier
from or1_verify.messages import MessageError, decode, encode
from or1_verify.pool import ProcessVerifierPool
from or1_verify.pool.worker_main import REPLIES, REQUESTS, Failure, JudgeRequest, Setup, main, receive, send
from or1_verify.pool.worker_process import WorkerProcess
from or1_verify.types import Message, Outcome, Problem, Verdict

GOLDS: st.SearchStrategy[Any] = st.recursive(
    st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PROBLEMS = st.builds(
    Problem.make,
    st.text(),
    st.lists(st.builds(Message, st.text(), st.text()), max_size=2).map(tuple),
    GOLDS,
    st.text(),
    st.dictionaries(st.text(), st.tuples(st.integers(), st.integers()), max_size=2),
)
SETUP = Setup(with_gold_checks({"math": MathVerifier(unboxed=True), "exact": ExactVerifier()}), 1 << 30, 2.5)


class PlainVerifier(ExactVerifier):
    """With attributes that no dataclass declares."""

    def __init__(self, names: list[str]) -> None:
        self.names, self.pair = names, (1, {"a": None})


@dataclass(frozen=True)
class CallsBack(ExactVerifier):
    call: Any = field(default=print)


@given(problem=PROBLEMS, answer=st.text(), limit_s=st.floats(0, 1e9))
def test_a_request_comes_back_as_it_was(problem: Problem, answer: str, limit_s: float) -> None:
    request = JudgeRequest(problem, answer, limit_s)
    content = encode(request)
    assert b"\n" not in content, "a message is one line"
    back = decode(content, REQUESTS)
    assert back == request
    assert json.dumps(back.problem.gold) == json.dumps(problem.gold), "1 is not 1.0 and not true"


@given(st.builds(Verdict.wrong, st.text(), st.text()) | st.builds(Failure, st.text(), st.text()) | st.none())
def test_a_reply_comes_back_as_it_was(reply: Verdict | Failure | None) -> None:
    assert decode(encode(reply), REPLIES) == reply


def test_verifiers_come_back_equal() -> None:
    assert repr(decode(encode(SETUP), REQUESTS).verifiers["gold of math"]) == repr(
        SETUP.verifiers["gold of math"]
    )
    for verifier in (MathVerifier(min_gold_digits=2), BadVerifier(), FailsOnce("folder")):
        assert decode(encode(verifier), (Verifier,)) == verifier
    plain = decode(encode(PlainVerifier(["x"])), (Verifier,))
    assert (type(plain), vars(plain)) == (PlainVerifier, {"names": ["x"], "pair": (1, {"a": None})})


@pytest.mark.parametrize(
    ("verifier", "reason"),
    [(CallsBack(), "a builtin_function_or_method cannot cross"), (MathVerifier, "a ABCMeta cannot cross")],
)
def test_a_verifier_that_is_no_data_is_refused_when_a_pool_is_made(verifier: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        ProcessVerifierPool({"x": verifier})


def test_a_verifier_that_workers_cannot_import_is_refused() -> None:
    class Local(ExactVerifier):
        """Not at the top of its module."""

    with pytest.raises(TypeError, match=r"cannot import the verifier .*<locals>.Local: define it at the top"):
        encode(Local())
    main_class = type("Typed", (ExactVerifier,), {"__module__": "__main__"})
    with pytest.raises(TypeError, match="cannot import the verifier __main__:Typed"):
        encode(main_class())


HOSTILE = {
    "a function": ({"type": "os:system", "fields": {"command": "true"}}, "issubclass"),
    "a class that is no verifier": (
        {"type": "subprocess:Popen", "fields": {"args": ["true"]}},
        "a subprocess:Popen",
    ),
    "no module": ({"type": "nowhere_at_all:Verifier", "fields": {}}, "nowhere_at_all"),
    "no class": ({"type": "or1_verify.math:Nothing", "fields": {}}, "Nothing"),
    "a type of replies": (
        {"type": "Verdict", "fields": {}},
        "holds a Verdict, and may hold Setup, JudgeRequest",
    ),
    "another field": ({"type": "JudgeRequest", "fields": {"x": 1}}, "unexpected keyword argument 'x'"),
    "an abstract verifier": ({"type": "Verifier", "fields": {}}, "abstract"),
    "an unknown kind": ({"pickle": "gASV"}, "the keys"),
    "an unhashable key": ({"items": [[[1], 2]]}, "unhashable"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_is_one_clear_error(name: str) -> None:
    content, reason = HOSTILE[name]
    with pytest.raises(MessageError, match=reason) as caught:
        decode(json.dumps(content).encode(), REQUESTS)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "content", [b"", b"[", b"\x80\x04N.", b"[" * 100_000, b"{" * 9, b"1" * 5000, b"\xff"]
)
def test_damaged_bytes_are_one_clear_error(content: bytes) -> None:
    with pytest.raises(MessageError, match="cannot be read"):
        decode(content, REQUESTS)


def test_a_verifier_is_refused_where_none_is_expected() -> None:
    with pytest.raises(MessageError, match=r"holds a \S*builders:ExactVerifier"):
        decode(encode(ExactVerifier()), REPLIES)


def test_a_worker_that_gets_another_message_says_why_and_ends() -> None:
    near, far = socket.socketpair()
    worker = threading.Thread(target=main, args=(far.detach(),))
    with near:
        worker.start()
        send(near, b'{"type": "Stop", "fields": {}}')
        reply = decode(receive(near), REPLIES)
        assert isinstance(reply, Failure)
        assert reply.reason == "no_start"
        assert "it holds a Stop" in reply.detail
        with pytest.raises(EOFError):
            receive(near)
    worker.join()


def test_a_setup_that_cannot_be_read_stops_the_start_with_the_cause() -> None:
    with pytest.raises(
        RunStopped, match=r"did not start: MessageError: a message cannot be read: .*holds a Stop"
    ):
        WorkerProcess(b'{"type": "Stop", "fields": {}}')


def test_verdicts_keep_their_outcome() -> None:
    for outcome in Outcome:
        reward = None if outcome is Outcome.NOT_JUDGED else 0.5
        verdict = Verdict(outcome=outcome, reward=reward)
        assert decode(encode(verdict), REPLIES).outcome is outcome
    assert make_problem("7") == decode(encode(make_problem("7")), REQUESTS)
