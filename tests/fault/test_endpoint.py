"""A model server that fails in every way: what is asked again, what is lost, what ends the call."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from or1.config import EndpointConfig
from or1.errors import ConfigError, EndpointError
from or1.rollout.endpoint import EndpointGenerator
from or1.testing import (
    SERVED_MODEL,
    CharTokenizer,
    ChatReply,
    ChatRequest,
    ChatScript,
    ChatServer,
    make_problem,
)
from or1.types import Finish, Sampling, Text

PROBLEMS = [make_problem(n) for n in range(6)]
SAMPLING = Sampling(group_size=2, max_response_tokens=64, seed=5)
KEY = "sk-very-secret"


class Pauses:
    """Sleeps no time at all and remembers what it was asked for; others get their turn."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked_s.append(seconds)
        await anyio.lowlevel.checkpoint()


def _generator(server: ChatServer, pauses: Pauses | None = None, **settings: Any) -> EndpointGenerator:
    endpoint = EndpointConfig.model_validate({"url": server.url, "model": SERVED_MODEL} | settings)
    return EndpointGenerator(endpoint, sleep=pauses or Pauses(), environment={"KEY": KEY})


def _echo(request: ChatRequest) -> ChatReply:
    return ChatReply(text=f"{request.question}: {request.body['seed']}")


def _first(fault: ChatReply, times: int = 1) -> ChatScript:
    """Every request fails so many times before it is answered."""
    return lambda request: fault if request.num_before < times else _echo(request)


def _answers(texts: Iterator[Text]) -> dict[tuple[str, int], str]:
    listed = list(texts)
    assert len({(t.problem_id, t.index) for t in listed}) == len(listed)
    assert all(t.finish is Finish.STOP for t in listed)
    return {(t.problem_id, t.index): t.text for t in listed}


@pytest.fixture(scope="module")
def faultless() -> dict[tuple[str, int], str]:
    with ChatServer(_echo) as server:
        return _answers(_generator(server).generate(PROBLEMS, SAMPLING))


FAULTS = {
    "dropped in mid-body": (ChatReply(text="half", drop=True), "connection"),
    "too many requests": (ChatReply(status=429, text="slow down"), "http_429"),
    "server error": (ChatReply(status=500, text="oops"), "http_500"),
    "bad gateway": (ChatReply(status=502, raw=b"<html>Bad Gateway</html>"), "http_502"),
    "garbage JSON": (ChatReply(raw=b'{"choices": [{"mess'), "malformed"),
    "broken off by a server that leaves": (ChatReply(text="ha", finish_reason="abort"), "finish_abort"),
    "no choices": (ChatReply(raw=b'{"choices": [], "usage": {"completion_tokens": 0}}'), "malformed"),
    "no count of tokens": (ChatReply(raw=b'{"choices": [{"message": {"content": "x"}}]}'), "malformed"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_passes_is_asked_again_and_nothing_is_lost(
    name: str, faultless: dict[tuple[str, int], str]
) -> None:
    fault, reason = FAULTS[name]
    pauses = Pauses()
    with ChatServer(_first(fault, times=3)) as server:
        generator = _generator(server, pauses)
        assert _answers(generator.generate(PROBLEMS, SAMPLING)) == faultless
    assert generator.events == {"requests": 12 * 4, f"retry_{reason}": 12 * 3}
    # by turns up to 1, 2 and 4 s, each less up to half of it by chance
    assert [sum(low < s <= 2 * low for s in pauses.asked_s) for low in (0.5, 1.0, 2.0)] == [12, 12, 12]
    assert len(set(pauses.asked_s)) == 36, "requests that failed together come back together"


def test_an_answer_that_is_too_slow_is_asked_for_again(faultless: dict[tuple[str, int], str]) -> None:
    never = threading.Event()
    with ChatServer(_first(ChatReply(hold=never))) as server:
        generator = _generator(server, answer_limit_s=2.0)
        assert _answers(generator.generate(PROBLEMS, SAMPLING)) == faultless
        never.set()
    assert generator.events["retry_time_limit"] >= 12, (
        "more where the machine is too loaded to answer in time"
    )


def test_a_storm_of_refusals_passes(faultless: dict[tuple[str, int], str]) -> None:
    """Only every fifth request gets through, whichever it is."""
    turn = iter(range(1_000_000))
    storm = ChatReply(status=429, text="slow down", headers={"Retry-After": "0"})
    with ChatServer(lambda request: _echo(request) if next(turn) % 5 == 4 else storm) as server:
        generator = _generator(server, max_tries=200)
        assert _answers(generator.generate(PROBLEMS, SAMPLING)) == faultless
    assert generator.events["retry_http_429"] == 12 * 4


def test_the_server_says_how_long_to_wait() -> None:
    pauses = Pauses()
    busy = ChatReply(status=503, text="loading", headers={"Retry-After": "37"})
    with ChatServer(_first(busy)) as server:
        _answers(_generator(server, pauses).generate(PROBLEMS[:1], SAMPLING))
    assert pauses.asked_s == [37.0, 37.0]  # and not the 1 s of a first failure


def test_a_wait_that_is_too_long_costs_the_sample() -> None:
    pauses = Pauses()
    with ChatServer(
        _first(ChatReply(status=429, text="tomorrow", headers={"Retry-After": "86400"}))
    ) as server:
        generator = _generator(server, pauses)
        texts = list(generator.generate(PROBLEMS[:1], SAMPLING))
    assert [t.finish for t in texts] == [Finish.ABORTED] * 2
    assert pauses.asked_s == []
    assert generator.events == {"requests": 2, "lost_http_429": 2}


def test_a_request_that_fails_for_good_costs_that_sample_only(caplog: pytest.LogCaptureFixture) -> None:
    def script(request: ChatRequest) -> ChatReply:
        return ChatReply(status=500, text="boom") if request.question == "Problem 2" else _echo(request)

    with ChatServer(script) as server, caplog.at_level(logging.WARNING):
        generator = _generator(server, max_tries=4)
        texts = list(generator.generate(PROBLEMS, SAMPLING))
    lost = [t for t in texts if t.finish is Finish.ABORTED]
    assert {t.problem_id for t in lost} == {PROBLEMS[2].id}
    assert [(t.text, t.num_tokens) for t in lost] == [("", 0)] * 2
    assert len(texts) == 12
    assert generator.events == {"requests": 10 + 8, "retry_http_500": 6, "lost_http_500": 2}
    assert f"{PROBLEMS[2].id}/0" in caplog.text
    assert "500, boom" in caplog.text


def test_what_the_server_does_not_take_is_not_asked_twice() -> None:
    with ChatServer(lambda request: ChatReply(status=422, text="top_p is odd")) as server:
        generator = _generator(server, max_failures_in_a_row=5, max_concurrency=1)
        with pytest.raises(EndpointError, match=r"5 samples in a row.*top_p is odd"):
            list(generator.generate(PROBLEMS, SAMPLING))
    assert len(server.requests) == 5


def test_losses_that_are_not_in_a_row_do_not_end_the_call() -> None:
    turn = iter(range(1_000_000))
    odd = ChatReply(status=418, text="odd")
    with ChatServer(lambda request: odd if next(turn) % 2 else _echo(request)) as server:
        generator = _generator(server, max_failures_in_a_row=2, max_concurrency=1)
        texts = list(generator.generate(PROBLEMS, SAMPLING))
    assert Counter(t.finish for t in texts) == {Finish.STOP: 6, Finish.ABORTED: 6}


@pytest.mark.parametrize(
    ("settings", "script", "named"),
    [
        ({"model": "other"}, _echo, ["404", "`other` does not exist", "endpoint.model"]),
        ({}, lambda r: ChatReply(status=401, text="no"), ["401", "endpoint.api_key_variable"]),
        ({}, lambda r: ChatReply(status=403, text="no"), ["403", "key"]),
        (
            {},
            lambda r: ChatReply(status=400, text="This model's maximum context length is 32 tokens."),
            ["64 response tokens", "maximum context length is 32", "longer context"],
        ),
    ],
)
def test_what_no_retry_can_mend_is_one_clear_line(
    settings: dict[str, Any], script: ChatScript, named: list[str]
) -> None:
    with ChatServer(script) as server:
        generator = _generator(server, **settings, max_concurrency=1)
        with pytest.raises(EndpointError) as caught:
            list(generator.generate(PROBLEMS, SAMPLING))
        for words in [server.url, settings.get("model", SERVED_MODEL), *named]:
            assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1, "it was asked again"


def test_texts_that_came_before_a_fatal_error_are_not_lost() -> None:
    turn = iter(range(100))
    stop = ChatReply(status=401, text="expired")
    with ChatServer(lambda r: _echo(r) if next(turn) < 5 else stop) as server:
        texts = _generator(server, max_concurrency=1).generate(PROBLEMS, SAMPLING)
        assert len({next(texts).index for _ in range(5)}) == 2
        with pytest.raises(EndpointError, match="expired"):
            next(texts)


def test_the_server_is_killed_and_comes_back(faultless: dict[tuple[str, int], str]) -> None:
    """Requests under way and requests to a closed port are sent again, with the same seeds."""
    killed = threading.Event()
    turn = iter(range(1_000_000))
    never = threading.Event()

    def script(request: ChatRequest) -> ChatReply:
        return _echo(request) if killed.is_set() or next(turn) < 4 else ChatReply(hold=never)

    with ChatServer(script) as server:

        async def pause(seconds: float) -> None:
            """Waits for the kill to be over; then the server is back."""
            while not killed.is_set():
                await anyio.sleep(0.001)
            if server.is_down:
                server.start()
            await anyio.lowlevel.checkpoint()

        endpoint = EndpointConfig(url=server.url, model=SERVED_MODEL, max_concurrency=3)
        generator = EndpointGenerator(endpoint, sleep=pause)
        texts = []
        for text in generator.generate(PROBLEMS, SAMPLING):
            texts.append(text)
            if len(texts) == 4:
                while len(server.requests) < 4 + 3:  # until as many as may be are under way
                    time.sleep(0.001)
                server.kill()
                killed.set()
        assert _answers(iter(texts)) == faultless
    assert generator.events["retry_connection"] >= 3


def test_a_server_that_never_comes_back_ends_the_call() -> None:
    server = ChatServer(_echo)
    server.kill()
    generator = _generator(server, max_tries=3, max_failures_in_a_row=4, max_concurrency=1)
    with pytest.raises(EndpointError, match=r"4 samples in a row were lost.*ConnectError"):
        list(generator.generate(PROBLEMS, SAMPLING))
    assert generator.events["lost_connection"] == 4


def test_a_server_that_is_not_there_is_known_before_any_work() -> None:
    with ChatServer(_echo) as server:
        _generator(server).check()
        with pytest.raises(EndpointError, match=f"does not have the model; it has {SERVED_MODEL}"):
            _generator(server, model="other").check()
    with pytest.raises(EndpointError, match="cannot be reached"):
        _generator(server).check()


def test_no_more_requests_at_once_than_allowed() -> None:
    free, arrived = threading.Event(), threading.Semaphore(0)

    def script(request: ChatRequest) -> ChatReply:
        arrived.release()
        return ChatReply(text="x", hold=free)

    with ChatServer(script) as server:
        texts = _generator(server, max_concurrency=5).generate(PROBLEMS, SAMPLING)
        waiter = threading.Thread(target=lambda: [arrived.acquire() for _ in range(5)] and free.set())
        waiter.start()
        assert len(list(texts)) == 12
        waiter.join()
    assert server.most_at_once == 5


def test_a_text_is_yielded_while_others_are_under_way() -> None:
    last = threading.Event()

    def script(request: ChatRequest) -> ChatReply:
        return ChatReply(text="x", hold=last if request.question == "Problem 0" else None)

    with ChatServer(script) as server:
        texts = _generator(server).generate(PROBLEMS, SAMPLING)
        early = [next(texts) for _ in range(10)]
        assert PROBLEMS[0].id not in {t.problem_id for t in early}
        last.set()
        assert {t.problem_id for t in texts} == {PROBLEMS[0].id}


def test_leaving_early_breaks_off_what_is_under_way() -> None:
    never, arrived = threading.Event(), threading.Semaphore(0)

    def script(request: ChatRequest) -> ChatReply:
        arrived.release()
        return ChatReply(text="x", hold=never if request.question != "Problem 0" else None)

    with ChatServer(script) as server:
        before = threading.active_count()
        texts = _generator(server).generate(PROBLEMS, SAMPLING)
        next(texts)
        for _ in range(12):
            assert arrived.acquire(timeout=300)
        texts.close()
        assert server.left.acquire(timeout=300)  # the server hears of it and stops generating
        assert threading.active_count() <= before + 12, "the loop's thread is left behind"
    names = [thread.name for thread in threading.enumerate()]
    assert not any("or1-endpoint" in name for name in names)


def test_the_key_is_sent_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    with ChatServer(_echo, key=KEY) as server, caplog.at_level(logging.DEBUG):
        generator = _generator(server, api_key_variable="KEY")
        generator.check()
        _answers(generator.generate(PROBLEMS, SAMPLING))
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    # a server that repeats the key in its refusal
    with ChatServer(_echo, key="another") as server, caplog.at_level(logging.DEBUG):
        generator = _generator(server, api_key_variable="KEY")
        with pytest.raises(
            EndpointError, match=r"no such key: Bearer \*\*\*.*check the key in KEY"
        ) as caught:
            list(generator.generate(PROBLEMS, SAMPLING))
    assert KEY not in str(caught.value)
    assert KEY not in caplog.text
    assert KEY not in repr(vars(generator)["_endpoint"])


def test_a_key_that_is_not_set_is_refused_before_any_request() -> None:
    endpoint = EndpointConfig(url="http://127.0.0.1:1/v1", model="m", api_key_variable="NOWHERE")
    with pytest.raises(ConfigError, match="NOWHERE"):
        EndpointGenerator(endpoint, environment={"NOWHERE": " "})


def test_without_a_key_none_is_sent() -> None:
    with ChatServer(_echo) as server:
        _answers(_generator(server).generate(PROBLEMS[:1], SAMPLING))
    assert "authorization" not in server.requests[0].headers


def test_a_prompt_that_opened_thinking_is_told_by_the_tokenizer() -> None:
    with ChatServer(lambda request: ChatReply(text="and then it stops")) as server:
        endpoint = EndpointConfig(url=server.url, model=SERVED_MODEL)
        (text,) = EndpointGenerator(endpoint, tokenizer=CharTokenizer("<think>")).generate(
            PROBLEMS[:1], Sampling(max_response_tokens=64)
        )
    assert text.text == "<think>and then it stops"


def test_a_budget_that_the_server_does_not_keep_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    with ChatServer(lambda request: ChatReply(text="cut", finish_reason="length")) as server:
        generator = _generator(server)
        texts = list(generator.generate(PROBLEMS[:2], SAMPLING))
    assert {t.finish for t in texts} == {Finish.LENGTH}
    assert generator.events["short_of_budget"] == 4
    assert caplog.text.count("3 of 64 tokens") == 1


def test_a_text_that_the_server_withheld_is_no_sample() -> None:
    with ChatServer(lambda request: ChatReply(text="", finish_reason="content_filter")) as server:
        generator = _generator(server, max_failures_in_a_row=1)
        texts = list(generator.generate(PROBLEMS[:1], SAMPLING))
    assert [t.finish for t in texts] == [Finish.ABORTED] * 2
    assert generator.events["lost_finish_content_filter"] == 2
