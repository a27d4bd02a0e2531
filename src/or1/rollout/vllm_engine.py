"""vLLM as a `RequestEngine`: token in, token out, one request for each rollout. Engine processes import it.

A request has one response: with `n` responses the children of a request would share seeds with those of other
requests. The prompt of a group is still computed once, by the prefix cache. Cached blocks are marked with the
load that computed them, so that no request reads a block of other weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from vllm import SamplingParams
from vllm.engine.arg_utils import EngineArgs
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.llm_engine import LLMEngine

from or1.rollout.engine_messages import CanaryReading, RequestEngine, TokenRequest, TokenResponse
from or1.rollout.transfer import engine_update
from or1.types import Float32, Int32, Sampling

_SEED_MASK = (1 << 63) - 1
"""vLLM takes no negative seed."""


def make_engine(settings: Mapping[str, Any]) -> RequestEngine:
    """Build the engine of a process.

    Args:
        settings: `engine`, the arguments of vLLM's `EngineArgs`; `stop_ids`, tokens that end a response;
            `transfer`, the first message of the weight transfer.
    """
    return VllmEngine(settings["engine"], tuple(settings["stop_ids"]), settings["transfer"])


class VllmEngine:
    """One vLLM engine.

    Args:
        engine_args: arguments of vLLM's `EngineArgs`.
        stop_ids: tokens that end a response; the response includes them.
        transfer: first message of the weight transfer.
    """

    def __init__(
        self, engine_args: Mapping[str, Any], stop_ids: tuple[int, ...], transfer: Mapping[str, Any]
    ) -> None:
        self._engine = LLMEngine.from_engine_args(EngineArgs(**engine_args))
        self._stop_ids = list(stop_ids)
        self._running: dict[str, str] = {}
        """Ticket -> vLLM's own name of the request."""
        self._params: dict[str, Any] = {}
        self._salt = "unloaded"
        self._num_loads = 0
        self._engine.collective_rpc("init_weight_transfer_engine", kwargs={"init_info": dict(transfer)})

    @property
    def num_running(self) -> int:
        return len(self._running)

    def load(self, version: int, update: Mapping[str, Any]) -> None:
        self._engine.collective_rpc("start_weight_update")
        self._engine.collective_rpc("update_weights", kwargs={"update_info": engine_update(update)})
        self._engine.collective_rpc("finish_weight_update")
        self._engine.reset_prefix_cache()
        self._num_loads += 1
        self._salt = f"v{version}.{self._num_loads}"

    def read_canary(self, tokens: Int32, num_sampled: int) -> CanaryReading:
        # sampled first: a request that scores its prompt does not read the prefix cache, this one does
        params = {"temperature": 1.0, "seed": 0, "ignore_eos": True}
        sampled = self._run("canary", tokens, SamplingParams(**params, **_numbers(max_tokens=num_sampled)))
        scored = self._run(
            "canary-prompt", tokens, SamplingParams(**params, **_numbers(max_tokens=1), prompt_logprobs=0)
        )
        response = sampled.outputs[0]
        return CanaryReading(
            prompt_logprobs=_chosen(scored.prompt_logprobs, range(1, len(tokens))),
            tokens=np.asarray(response.token_ids, dtype=np.int32),
            logprobs=_chosen(response.logprobs, range(len(response.token_ids))),
        )

    def begin(self, sampling: Sampling) -> None:
        self._params = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or 0,
            "ignore_eos": True,  # the stop tokens below are all that end a response
            "stop_token_ids": self._stop_ids,
            **_numbers(max_tokens=sampling.max_response_tokens),
        }

    def add(self, request: TokenRequest) -> None:
        params = SamplingParams(seed=request.seed & _SEED_MASK, **self._params)
        name = str(request.ticket)
        self._running[name] = self._engine.add_request(name, self._prompt(request.prompt_tokens), params)

    def step(self) -> list[TokenResponse]:
        finished = []
        for output in self._engine.step():
            if not output.finished or self._running.pop(output.request_id, None) is None:
                continue
            response = output.outputs[0]
            tokens = np.asarray(response.token_ids, dtype=np.int32)
            finished.append(
                TokenResponse(
                    ticket=int(output.request_id),
                    tokens=tokens,
                    logprobs=_chosen(response.logprobs, range(len(tokens))),
                    aborted=response.finish_reason not in ("stop", "length"),
                )
            )
        return finished

    def abort(self) -> None:
        self._engine.abort_request(list(self._running.values()), internal=True)
        self._running.clear()

    def _prompt(self, tokens: Int32) -> dict[str, Any]:
        return {"prompt_token_ids": tokens.tolist(), "cache_salt": self._salt}

    def _run(self, name: str, tokens: Int32, params: SamplingParams) -> Any:
        """One request alone, to its end."""
        self._engine.add_request(name, self._prompt(tokens), params)
        while True:
            for output in self._engine.step():
                if output.request_id == name and output.finished:
                    return output


def _numbers(max_tokens: int) -> dict[str, Any]:
    """Parameters of a request of which only tokens and the log-probability of each are wanted."""
    return {
        "max_tokens": max_tokens,
        "logprobs": 0,
        "flat_logprobs": True,
        "detokenize": False,
        "output_kind": RequestOutputKind.FINAL_ONLY,
    }


def _chosen(logprobs: Any, positions: range) -> Float32:
    """Log-probability of the token at each position: the first of each position in vLLM's flat lists."""
    values = [logprobs.logprobs[logprobs.start_indices[position]] for position in positions]
    return np.asarray(values, dtype=np.float32)
