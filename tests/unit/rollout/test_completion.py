"""The request for one sample, and what its answer says."""

from __future__ import annotations

import contextlib
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from or1.config import ChatConfig, EndpointConfig
from or1.errors import ConfigError
from or1.rollout.completion import (
    MalformedAnswerError,
    asked_pause_s,
    error_text,
    is_context_too_long,
    pause_s,
    read_completion,
    request_body,
    request_seed,
    stop_ids_without_tokenizer,
    whole_text,
)
from or1.testing import ChatReply, make_problem
from or1.types import Finish, Message, Problem, Sampling
from or1_verify import math

ENDPOINT = EndpointConfig(url="http://localhost:8000/v1", model="m")
SAMPLING = Sampling(max_response_tokens=64, temperature=0.6, top_p=0.95, top_k=20, seed=3)
OPENAI = EndpointConfig(url="http://localhost:8000/v1", model="m", dialect="openai")


def test_a_request_says_everything_that_a_server_could_fill_in() -> None:
    problem = Problem.make("math", (Message("system", "Be brief."), Message("user", "1+1?")), "2")
    assert request_body(ENDPOINT, problem, 2, SAMPLING) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}],
        "n": 1,
        "seed": request_seed(3, problem.id, 2),
        "temperature": 0.6,
        "top_p": 0.95,
        "max_tokens": 64,
        "stream": False,
        "top_k": 20,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }
    # none means all tokens, said aloud: left out, vLLM takes the 20 of Qwen's generation_config.json
    assert request_body(ENDPOINT, problem, 2, Sampling(max_response_tokens=64))["top_k"] == -1


def test_a_plain_service_gets_plain_fields() -> None:
    body = request_body(OPENAI, make_problem(), 0, Sampling(max_response_tokens=64))
    assert not {"top_k", "min_p", "repetition_penalty"} & body.keys()
    with pytest.raises(ConfigError, match="top_k = 20"):
        request_body(OPENAI, make_problem(), 0, SAMPLING)


def test_chat_settings_go_along_with_every_request() -> None:
    chat = ChatConfig(
        system_prompt="Be brief.", template_kwargs={"enable_thinking": False}, stop_tokens=("</answer>",)
    )
    problem = make_problem()
    body = request_body(ENDPOINT, problem, 0, SAMPLING, chat, stop_ids=(101,))
    plain = request_body(ENDPOINT, problem, 0, SAMPLING)
    system = {"role": "system", "content": "Be brief."}
    assert body == {
        **plain,
        "messages": [system, *plain["messages"]],
        "chat_template_kwargs": {"enable_thinking": False},
        "stop_token_ids": [101],
    }


def test_without_the_tokenizer_a_stop_token_is_its_id() -> None:
    assert stop_ids_without_tokenizer(ChatConfig(stop_tokens=(7, 8))) == (7, 8)
    with pytest.raises(ConfigError, match=r"the id of '<end>' is not known without the tokenizer"):
        stop_ids_without_tokenizer(ChatConfig(stop_tokens=(7, "<end>")))


def test_further_fields_go_along_but_not_in_place_of_ours() -> None:
    fields = {"chat_template_kwargs": {"enable_thinking": False}}
    endpoint = EndpointConfig(url="http://localhost/v1", model="m", request_fields=fields)
    assert (
        request_body(endpoint, make_problem(), 0, SAMPLING)["chat_template_kwargs"]
        == fields["chat_template_kwargs"]
    )
    with pytest.raises(ValidationError, match="seed, temperature"):
        EndpointConfig(url="http://localhost/v1", model="m", request_fields={"temperature": 0, "seed": 1})


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "http://me:secret@host/v1", "http://host/v1?key=secret", ""]
)
def test_an_url_without_scheme_or_with_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        EndpointConfig(url=url, model="m")


def test_seeds_fit_every_server_and_differ() -> None:
    seeds = {
        request_seed(seed, p.id, i)
        for seed in (1, 2)
        for p in map(make_problem, range(50))
        for i in range(16)
    }
    assert len(seeds) == 2 * 50 * 16
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert max(seeds) > 2**30, "the high bits are lost"
    digest = hashlib.blake2b(b'[1, "completion", "a", 0]', digest_size=8).digest()
    assert request_seed(1, "a", 0) == int.from_bytes(digest, "big") >> 33 == 333014621


def _body(**changes: Any) -> bytes:
    return ChatReply(**{"text": "So 4.", "num_tokens": 7, **changes}).content()


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", Finish.STOP),
        ("tool_calls", Finish.STOP),
        ("length", Finish.LENGTH),
        ("content_filter", Finish.ABORTED),
        ("abort", Finish.ABORTED),
        ("repetition", Finish.ABORTED),
        (None, Finish.ABORTED),
    ],
)
def test_finish_reasons(reason: str | None, finish: Finish) -> None:
    completion = read_completion(_body(finish_reason=reason), None)
    assert (completion.finish, completion.num_tokens, completion.text) == (finish, 7, "So 4.")


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_goes_back_to_where_it_was(field: str) -> None:
    reply = _body(reasoning="Two and two.", reasoning_field=field)
    assert read_completion(reply, None).text == "<think>Two and two.</think>So 4."


@pytest.mark.parametrize(
    ("content", "reasoning", "prefix", "text"),
    [
        ("a", "r", None, "<think>r</think>a"),
        ("a", "<think>r", None, "<think>r</think>a"),
        ("", "r", None, "<think>r"),  # cut off, or ended, while it thought
        ("r</think>a", "", None, "<think>r</think>a"),  # the prompt opened it
        ("<think>r</think>a", "", None, "<think>r</think>a"),
        ("a", "", None, "a"),
        ("r</think>a", "", "<think>", "<think>r</think>a"),
        ("r and no end", "", "<think>", "<think>r and no end"),  # only the prompt can tell
        ("r and no end", "", "", "r and no end"),
        ("<think>r</think>a", "", "<think>", "<think>r</think>a"),
        ("a</think>b<think>c", "", None, "<think>a</think>b<think>c"),
    ],
)
def test_texts_are_as_training_sees_them(content: str, reasoning: str, prefix: str | None, text: str) -> None:
    assert whole_text(content, reasoning, prefix) == text


def test_no_answer_is_read_from_thinking_that_has_not_ended() -> None:
    """What a server calls reasoning must not become an answer for want of its marks."""
    thinking = r"Perhaps \boxed{4}? But wait"
    assert math.verify("4", whole_text("", thinking, None)).reward == 0.0
    assert math.verify("4", whole_text(thinking, "", "<think>")).reward == 0.0
    assert math.verify("4", whole_text(r"It is \boxed{4}.", thinking, None)).reward == 1.0


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"<html>Bad Gateway</html>", "JSON"),
        (b'{"choices": [{"mess', "JSON"),
        (b"[]", "body"),
        (b'{"choices": [], "usage": {"completion_tokens": 1}}', "choices"),
        (b'{"choices": [{"message": {"content": "x"}}]}', "usage"),
        (b'{"choices": [{"message": {"content": 3}}], "usage": {"completion_tokens": 1}}', "content"),
        (
            b'{"choices": [{"message": {"content": "x"}}], "usage": {"completion_tokens": -1}}',
            "completion_tokens",
        ),
        (b"", "JSON"),
    ],
)
def test_what_is_no_completion_is_said_to_be_none(body: bytes, named: str) -> None:
    with pytest.raises(MalformedAnswerError, match=named):
        read_completion(body, None)


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    with contextlib.suppress(MalformedAnswerError):
        read_completion(body, None)
    assert "\n" not in error_text(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "no\\n such  key", "code": 1}}', "no such key"),
        (b'{"error": "plain"}', "plain"),
        (b'{"object": "error", "message": "older vLLM"}', "older vLLM"),
        (b"<html>\n502</html>", "<html> 502</html>"),
        (b'{"detail": "else"}', '{"detail": "else"}'),
        (b'{"error": {"message": "\\u001b[31mred\\u0007"}}', "[31mred"),  # no command to a terminal
    ],
)
def test_a_servers_own_words_are_found(body: bytes, words: str) -> None:
    assert error_text(body) == words
    assert len(error_text(b"x" * 5000)) == 300


@pytest.mark.parametrize(
    ("status", "words", "told"),
    [
        (400, "This model's maximum context length is 512 tokens. However, your prompt contains", True),
        (400, "the request exceeds the available context size (4096)", True),
        (400, "Requested token count exceeds the model's maximum context length", True),
        (400, "top_p must be in (0, 1]", False),
        (500, "context length", False),
    ],
)
def test_a_context_that_is_too_short_is_recognised(status: int, words: str, told: bool) -> None:
    assert is_context_too_long(status, words) is told


def test_the_pause_that_a_server_asks_for() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert asked_pause_s({}) is None
    assert asked_pause_s({"retry-after": "2.5"}) == 2.5
    assert asked_pause_s({"retry-after": "-3"}) == 0.0
    assert asked_pause_s({"retry-after": "Thu, 01 Jan 2026 12:01:30 GMT"}, now) == 90.0
    assert asked_pause_s({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, now) == 0.0
    assert asked_pause_s({"retry-after": "Thu, 01 Jan 2026 12:01:30 -0000"}, now) == 90.0  # no zone at all
    assert asked_pause_s({"retry-after": "soon"}) is None


def test_pauses_double_up_to_their_bound() -> None:
    longest = [pause_s(ENDPOINT, failures, 0.0) for failures in range(1, 10)]
    assert longest == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert sum(longest) == 243  # what ten tries wait at most; half of it at least
    assert pause_s(ENDPOINT, 3, 0.5) == 3.0
    assert pause_s(ENDPOINT, 2_000, 0.0) == 60


@given(st.integers(1, 3000), st.floats(0, 1, exclude_max=True))
def test_chance_takes_at_most_half(failures: int, chance: float) -> None:
    full = pause_s(ENDPOINT, failures, 0.0)
    assert full / 2 <= pause_s(ENDPOINT, failures, chance) <= full


def test_json_of_a_reply_is_what_the_reader_reads() -> None:
    assert json.loads(_body())["choices"][0]["message"]["content"] == "So 4."


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "So "}, {"type": "text", "text": "4."}], "So 4."),
        ([{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "4"}], "4"),
        ([], ""),
        (None, ""),
        ("half \ud83d pair", "half \ufffd pair"),
        ("whole \U0001f600 pair", "whole \U0001f600 pair"),
    ],
)
def test_contents_that_servers_give(content: Any, text: str) -> None:
    reply = json.loads(_body())
    reply["choices"][0]["message"]["content"] = content
    found = read_completion(json.dumps(reply).encode(), None).text
    assert found == text
    found.encode()


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"7"])
def test_a_body_that_is_no_completion(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        read_completion(body, None)
