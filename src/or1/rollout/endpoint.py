"""Texts from a server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, or a service.

One request per sample, many at once, in an event loop of its own thread, so that the server continues while
earlier samples are judged. A request carries a seed made from (seed, problem id, index); whether the same
seed gives the same text depends on the server. No torch here.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from types import MappingProxyType
from typing import Any

import anyio
import httpx2
from anyio.from_thread import start_blocking_portal

from or1.algo.seed import derive_seed
from or1.config import ChatConfig, EndpointConfig
from or1.errors import ConfigError, EndpointError, Or1Error
from or1.protocols import Tokenizer
from or1.rollout.completion import (
    TRANSIENT_FINISH,
    TRANSIENT_STATUS,
    Completion,
    MalformedAnswerError,
    asked_pause_s,
    error_text,
    is_context_too_long,
    pause_s,
    read_completion,
    request_body,
)
from or1.types import Finish, Problem, Sampling, Text

logger = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class EndpointGenerator:
    """Generator over a server.

    A request that fails for a transient reason (connection lost, time-out, 429, 5xx, a reply that is no chat
    completion or was cut off) is sent again after a pause. A sample whose request fails for good is
    ABORTED: an empty text, counted in `events`. Errors that every request would repeat (key refused,
    model missing, prompt and budget beyond the context) end the call, and so do many lost samples in a
    row.

    Args:
        endpoint: server, time limits and numbers of tries.
        tokenizer: of the same model: tells whether the prompt has already opened `<think>`. Without one it is
            read from the text, which cannot tell where the text ends inside its thinking.
        chat: settings of the prompts, also those of the tokenizer; None = the defaults.
        stop_ids: of `chat.stop_tokens`.
        environment: holds the key.
        sleep: waits for a number of seconds; tests pass their own.
    """

    def __init__(
        self,
        endpoint: EndpointConfig,
        *,
        tokenizer: Tokenizer | None = None,
        chat: ChatConfig | None = None,
        stop_ids: Sequence[int] = (),
        environment: Mapping[str, str] = os.environ,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self._endpoint = endpoint
        self._tokenizer = tokenizer
        self._chat = chat or ChatConfig()
        self._stop_ids = tuple(stop_ids)
        self._sleep = sleep
        self._key = _key(endpoint, environment)
        self._events: Counter[str] = Counter()

    @property
    def events(self) -> Mapping[str, int]:
        """Counts so far: `requests`; `retry_<reason>` of failures that were tried again; `lost_<reason>` of
        samples without text; `short_of_budget` of texts that the server cut off before their budget. Reasons:
        `connection`, `time_limit`, `malformed`, `http_<status>`, `finish_<the server's reason>`.
        """
        return MappingProxyType(dict(self._events))

    def check(self) -> None:
        """Request the list of models once, so that a mistake is known before any work.

        Raises:
            EndpointError: the server cannot be reached, refuses the key, or does not have the model.
        """
        with httpx2.Client(**_client_options(self._endpoint, self._key)) as client:
            try:
                answer = client.get("models", timeout=self._endpoint.connect_limit_s)
            except httpx2.RequestError as error:
                raise self._error(
                    f"cannot be reached ({_cause(error)})", "start it, or fix the url"
                ) from None
        if answer.status_code in (401, 403):
            raise self._refused(answer)
        served = _served_models(answer)
        if served and self._endpoint.model not in served:
            raise self._error(
                f"does not have the model; it has {', '.join(served[:8])}",
                "set endpoint.model to one of them",
            )

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Text]:
        """Yield `group_size` texts of each problem, each as it finishes.

        Closing the iterator early cancels the running requests. Texts wait in memory until they are consumed.

        Raises:
            EndpointError: see the class; earlier texts have been yielded.
            ConfigError: the server's dialect lacks a sampling field.
        """
        if not problems:
            return
        # validate the sampling fields once, before any request
        self.request(problems[0], 0, sampling)
        call = _Call(self, problems, sampling)
        with start_blocking_portal(name="or1-endpoint") as portal:
            running = portal.start_task_soon(call.run)
            try:
                yield from iter(call.texts.get, None)
                running.result()
            finally:
                running.cancel()

    def close(self) -> None:
        """Nothing to do: each call of `generate` closes its connections."""

    def request(self, problem: Problem, index: int, sampling: Sampling) -> dict[str, Any]:
        """Body of the request for one sample; see `request_body`."""
        return request_body(self._endpoint, problem, index, sampling, self._chat, self._stop_ids)

    def prefix(self, problem: Problem) -> str | None:
        """Start of the response that the prompt already holds; None when it is not known."""
        if self._tokenizer is None:
            return None
        return self._tokenizer.response_prefix(self._tokenizer.encode_prompt(problem.prompt))

    def _error(self, what: str, remedy: str) -> EndpointError:
        text = f"model {self._endpoint.model} at {self._endpoint.url}: {what}: {remedy}"
        return EndpointError(text.replace(self._key, "***") if self._key else text)

    def _refused(self, answer: httpx2.Response) -> EndpointError:
        variable = self._endpoint.api_key_variable
        remedy = (
            f"check the key in {variable}"
            if variable
            else "name the key's variable in endpoint.api_key_variable"
        )
        return self._error(f"the key is refused ({answer.status_code}, {error_text(answer.content)})", remedy)


@dataclass(frozen=True, slots=True)
class _Job:
    problem: Problem
    index: int


class _FaultError(Exception):
    """A try that failed; with `may_pass` another one may succeed."""

    def __init__(
        self, reason: str, detail: str, *, may_pass: bool = True, asked_pause_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.may_pass = may_pass
        self.asked_pause_s = asked_pause_s


class _Call:
    """One call of `generate`: its jobs, and the queue of finished texts."""

    def __init__(self, owner: EndpointGenerator, problems: Sequence[Problem], sampling: Sampling) -> None:
        self.texts: SimpleQueue[Text | None] = SimpleQueue()
        """None marks the end."""
        self._owner = owner
        self._endpoint = owner._endpoint
        self._events = owner._events
        self._jobs = (_Job(p, index) for p in problems for index in range(sampling.group_size))
        self._num_workers = min(self._endpoint.max_concurrency, len(problems) * sampling.group_size)
        self._sampling = sampling
        self._failures_in_a_row = 0
        self._fatal: Or1Error | None = None

    async def run(self) -> None:
        """Work through all jobs.

        Raises:
            EndpointError: further requests would fail as well.
        """
        options = _client_options(self._endpoint, self._owner._key)
        try:
            async with httpx2.AsyncClient(**options) as client, anyio.create_task_group() as workers:
                for _ in range(self._num_workers):
                    workers.start_soon(self._work, client, workers.cancel_scope)
            if self._fatal is not None:
                raise self._fatal
        finally:
            self.texts.put(None)

    async def _work(self, client: httpx2.AsyncClient, scope: anyio.CancelScope) -> None:
        for job in self._jobs:
            try:
                self.texts.put(await self._sample(client, job))
            except Or1Error as error:
                self._fatal = self._fatal or error
                scope.cancel()
                return

    async def _sample(self, client: httpx2.AsyncClient, job: _Job) -> Text:
        """The text of a job, or an aborted one.

        Raises:
            EndpointError: further requests would fail as well.
        """
        try:
            completion = await self._completion(client, job)
        except _FaultError as fault:
            self._give_up(job, fault)
            return Text(
                problem_id=job.problem.id, index=job.index, text="", finish=Finish.ABORTED, num_tokens=0
            )
        self._failures_in_a_row = 0
        if completion.finish is Finish.ABORTED:
            self._events[f"lost_finish_{completion.finish_reason}"] += 1
            if self._events[f"lost_finish_{completion.finish_reason}"] == 1:
                self._warn_lost(
                    job, f'its finish_reason is "{completion.finish_reason}", not "stop" or "length"'
                )
        budget = self._sampling.max_response_tokens
        if completion.finish is Finish.LENGTH and completion.num_tokens < budget:
            self._warn_short(completion.num_tokens, budget)
        return Text(
            problem_id=job.problem.id,
            index=job.index,
            text=completion.text,
            finish=completion.finish,
            num_tokens=completion.num_tokens,
        )

    async def _completion(self, client: httpx2.AsyncClient, job: _Job) -> Completion:
        """Try until a completion comes.

        Raises:
            EndpointError: further requests would fail as well.
            _FaultError: the last failure of a request that fails for good.
        """
        failures = 0
        while True:
            try:
                return await self._try(client, job)
            except _FaultError as fault:
                failures += 1
                asked = fault.asked_pause_s or 0.0
                is_last = failures == self._endpoint.max_tries
                if is_last or not fault.may_pass or asked > self._endpoint.longest_asked_pause_s:
                    raise
                self._events[f"retry_{fault.reason}"] += 1
                chance = (
                    derive_seed(self._sampling.seed, "pause", job.problem.id, job.index, failures) / 2**63
                )
                pause = max(asked, pause_s(self._endpoint, failures, chance))
            await self._owner._sleep(pause)

    async def _try(self, client: httpx2.AsyncClient, job: _Job) -> Completion:
        self._events["requests"] += 1
        body = self._owner.request(job.problem, job.index, self._sampling)
        try:
            with anyio.fail_after(self._endpoint.answer_limit_s):
                answer = await client.post("chat/completions", json=body)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise _FaultError("time_limit", f"no answer in time ({_cause(error)})") from None
        except httpx2.RequestError as error:
            raise _FaultError("connection", f"connection lost ({_cause(error)})") from None
        if answer.status_code != httpx2.codes.OK:
            raise self._refusal(job, answer)
        try:
            completion = read_completion(answer.content, self._owner.prefix(job.problem))
        except MalformedAnswerError as error:
            raise _FaultError("malformed", f"the answer is no chat completion ({error})") from None
        if completion.finish_reason in TRANSIENT_FINISH:
            reason = completion.finish_reason
            raise _FaultError(f"finish_{reason}", f"the server broke the response off ({reason})")
        return completion

    def _refusal(self, job: _Job, answer: httpx2.Response) -> EndpointError | _FaultError:
        status, words = answer.status_code, error_text(answer.content)
        if status in (401, 403):
            return self._owner._refused(answer)
        if status == 404:
            return self._owner._error(
                f"not there (404, {words})",
                "endpoint.model must be a name that the server serves, and endpoint.url end as its API does, "
                "mostly in /v1",
            )
        if is_context_too_long(status, words):
            return self._owner._error(
                f"problem {job.problem.id} with {self._sampling.max_response_tokens} response tokens is more "
                f"than its context holds ({status}, {words})",
                "lower the response budget, drop long prompts, or start the server with a longer context",
            )
        return _FaultError(
            f"http_{status}",
            f"{status}, {words}",
            may_pass=status in TRANSIENT_STATUS,
            asked_pause_s=asked_pause_s(answer.headers),
        )

    def _give_up(self, job: _Job, fault: _FaultError) -> None:
        """Count a lost sample.

        Raises:
            EndpointError: too many in a row.
        """
        self._events[f"lost_{fault.reason}"] += 1
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= self._endpoint.max_failures_in_a_row:
            raise self._owner._error(
                f"{self._failures_in_a_row} samples in a row were lost, the last by {fault}",
                "look at the server's log; endpoint.max_tries and max_failures_in_a_row say when to stop",
            )
        self._warn_lost(job, str(fault))

    def _warn_lost(self, job: _Job, why: str) -> None:
        logger.warning("%s", self._owner._error(f"sample {job.problem.id}/{job.index} is lost", why))

    def _warn_short(self, num_tokens: int, budget: int) -> None:
        if not self._events["short_of_budget"]:
            what = f"cut a response off after {num_tokens} of {budget} tokens"
            logger.warning("%s", self._owner._error(what, "its context is too short for this budget"))
        self._events["short_of_budget"] += 1


def _key(endpoint: EndpointConfig, environment: Mapping[str, str]) -> str | None:
    if endpoint.api_key_variable is None:
        return None
    if not (key := environment.get(endpoint.api_key_variable, "").strip()):
        raise ConfigError(
            f"endpoint.api_key_variable = {endpoint.api_key_variable}: the environment has no such variable: "
            "export it, or leave the setting out"
        )
    return key


def _client_options(endpoint: EndpointConfig, key: str | None) -> dict[str, Any]:
    return {
        "base_url": endpoint.url.rstrip("/") + "/",
        "headers": {} if key is None else {"Authorization": f"Bearer {key}"},
        # the wait for the answer is bounded as a whole, around the request
        "timeout": httpx2.Timeout(None, connect=endpoint.connect_limit_s),
        "limits": httpx2.Limits(
            max_connections=endpoint.max_concurrency, max_keepalive_connections=endpoint.max_concurrency
        ),
    }


def _served_models(answer: httpx2.Response) -> list[str]:
    """Names in a list of models; empty when the server gives none."""
    try:
        content = answer.json()
    except ValueError:
        return []
    listed = content["data"] if isinstance(content, dict) and isinstance(content.get("data"), list) else []
    return [str(each["id"]) for each in listed if isinstance(each, dict) and "id" in each]


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
