"""One chat completion: its request, the text in the reply, and the meaning of an error.

Pure functions; `endpoint` does the sending.
"""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from or1.algo.seed import derive_seed
from or1.config import ChatConfig, EndpointConfig
from or1.errors import ConfigError
from or1.tasks.chat import with_system_prompt
from or1.types import Finish, Problem, Sampling
from or1_verify.types import THINK_CLOSE, THINK_OPEN

SEED_BITS = 31
"""Width of a seed that every server takes [bits]."""
TRANSIENT_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""HTTP status codes after which the same request may succeed later."""
TRANSIENT_FINISH = frozenset({"abort", "error", "insufficient_system_resource"})
"""Finish reasons of a server that failed or shuts down."""
_CONTEXT = re.compile(r"context[ _-]?(length|size|window)|max[ _-]model[ _-]len", re.IGNORECASE)
_SHOWN = 300
"""Longest part of a server's message in an error [characters]."""


class _Part(BaseModel):
    text: str = ""


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    completion_tokens: int = Field(ge=0)


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The first choice of a server's reply."""

    text: str
    finish: Finish
    finish_reason: str
    """As the server names it."""
    num_tokens: int


class MalformedAnswerError(ValueError):
    """A server's reply is no chat completion."""


def request_seed(seed: int, problem_id: str, index: int) -> int:
    """Seed of one request: 31 bits of (seed, "completion", problem id, index)."""
    return derive_seed(seed, "completion", problem_id, index) >> (63 - SEED_BITS)


def stop_ids_without_tokenizer(chat: ChatConfig) -> tuple[int, ...]:
    """The further stop tokens of a model whose tokenizer is not here.

    Raises:
        ConfigError: one of them is a text, whose id only the tokenizer knows.
    """
    texts = [token for token in chat.stop_tokens if isinstance(token, str)]
    if texts:
        raise ConfigError(
            f"model.chat.stop_tokens: the id of {texts[0]!r} is not known without the tokenizer: "
            "give the id, or set model.path to a folder with the model's tokenizer"
        )
    return tuple(token for token in chat.stop_tokens if isinstance(token, int))


def request_body(
    endpoint: EndpointConfig,
    problem: Problem,
    index: int,
    sampling: Sampling,
    chat: ChatConfig | None = None,
    stop_ids: Sequence[int] = (),
) -> dict[str, Any]:
    """The request for one sample. Every sampling field is written out: servers fill missing ones
    from the model's `generation_config.json`.

    Args:
        endpoint: the server.
        problem: its prompt becomes the messages.
        index: of the sample.
        sampling: budget, temperature, seed.
        chat: settings of the prompts; None = the defaults.
        stop_ids: of `chat.stop_tokens`.

    Raises:
        ConfigError: `top_k` for a server that does not support it.
    """
    if endpoint.dialect == "openai" and sampling.top_k is not None:
        raise ConfigError(
            f'top_k = {sampling.top_k} is not known to servers of dialect "openai": '
            'leave it out, or set endpoint.dialect = "vllm"'
        )
    chat = chat or ChatConfig()
    messages = with_system_prompt(problem.prompt, chat.system_prompt)
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [{"role": m.role, "content": m.content} for m in messages],
        "n": 1,
        "seed": request_seed(sampling.seed, problem.id, index),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_response_tokens,
        "stream": False,
    }
    if endpoint.dialect == "vllm":
        body |= {
            "top_k": -1 if sampling.top_k is None else sampling.top_k,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
        }
    body |= {"chat_template_kwargs": dict(chat.template_kwargs)} if chat.template_kwargs else {}
    body |= {"stop_token_ids": list(stop_ids)} if stop_ids else {}
    return body | endpoint.request_fields


def read_completion(body: bytes, prefix: str | None) -> Completion:
    """The first choice of a reply.

    Args:
        body: of the server's reply.
        prefix: start of the response that the prompt already holds, see `whole_text`.

    Raises:
        MalformedAnswerError: no JSON, no choice, or no count of tokens.
    """
    try:
        # json and not pydantic's own parser: it takes half a surrogate pair, which UTF-8 cannot hold
        read = json.loads(body.decode("utf-8", errors="replace"))
        completion = _Completion.model_validate(_without_surrogates(read))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise MalformedAnswerError(f"{where}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise MalformedAnswerError(f"body: not JSON ({error})") from None
    choice = completion.choices[0]
    return Completion(
        text=whole_text(_text(choice.message), _reasoning(choice.message), prefix),
        finish=_finish(choice.finish_reason),
        finish_reason=str(choice.finish_reason),
        num_tokens=completion.usage.completion_tokens,
    )


def _without_surrogates(value: Any) -> Any:
    """JSON with each half of a surrogate pair that stands alone replaced by U+FFFD."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_without_surrogates(each) for each in value]
        case dict():
            return {_without_surrogates(key): _without_surrogates(each) for key, each in value.items()}
    return value


def _text(message: _Message) -> str:
    """`content`, given as a text or in parts."""
    content = message.content or ""
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _reasoning(message: _Message) -> str:
    return message.reasoning or message.reasoning_content or ""


def _finish(reason: str | None) -> Finish:
    """A text that the server withheld, broke off or does not account for is no sample of the model."""
    match reason:
        case "stop" | "tool_calls" | "function_call":
            return Finish.STOP
        case "length":
            return Finish.LENGTH
    return Finish.ABORTED


def whole_text(content: str, reasoning: str, prefix: str | None) -> str:
    """The response as the local engine would return it: thinking between its marks, then the rest.

    Args:
        content: `content` of the server's message.
        reasoning: the reasoning that the server has separated; empty if none.
        prefix: `<think>` or nothing, as the prompt ends; None = not known. Then a text that closes thinking
            without opening it gets the opening mark.

    >>> whole_text("So 4.", "2 + 2 is 4.", None)
    '<think>2 + 2 is 4.</think>So 4.'
    >>> whole_text("", "Let me think", None)
    '<think>Let me think'
    >>> whole_text("2 + 2 is 4.</think>So 4.", "", None)
    '<think>2 + 2 is 4.</think>So 4.'
    """
    if reasoning:
        opening = "" if reasoning.lstrip().startswith(THINK_OPEN) else THINK_OPEN
        closing = THINK_CLOSE if content else ""
        return f"{opening}{reasoning}{closing}{content}"
    if prefix is not None:
        return content if content.lstrip().startswith(THINK_OPEN) else prefix + content
    opened, closed = content.find(THINK_OPEN), content.find(THINK_CLOSE)
    return THINK_OPEN + content if closed >= 0 and not 0 <= opened < closed else content


def error_text(body: bytes) -> str:
    """A server's error message, on one line."""
    text = body.decode("utf-8", errors="replace")
    try:
        error = _Refusal.model_validate_json(body)
    except ValidationError:
        pass
    else:
        text = (error.error.message if isinstance(error.error, _RefusalDetail) else error.error) or (
            error.message or text
        )
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 3] + "..."


class _RefusalDetail(BaseModel):
    message: str | None = None


class _Refusal(BaseModel):
    error: _RefusalDetail | str | None = None
    message: str | None = None


def is_context_too_long(status: int, words: str) -> bool:
    """Whether an error means that prompt and budget exceed the model's context."""
    return status in (400, 413, 422) and _CONTEXT.search(words) is not None


def asked_pause_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Pause in a server's Retry-After header, given as seconds or as a date [s]; None without one.

    >>> asked_pause_s({"retry-after": "7"})
    7.0
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds())


def pause_s(endpoint: EndpointConfig, failures: int, chance: float) -> float:
    """Pause before the next try [s]: doubled with each failure, bounded, reduced at random by up to half.

    >>> pause_s(EndpointConfig(url="http://localhost/v1", model="m"), failures=3, chance=0.5)
    3.0

    Args:
        failures: of this request so far, >= 1.
        chance: random number in [0, 1); spreads the requests that failed together.
    """
    full = min(endpoint.longest_pause_s, endpoint.first_pause_s * 2.0 ** min(failures - 1, 60))
    return full * (1.0 - chance / 2.0)
