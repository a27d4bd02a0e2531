"""The requests that are decoded now: rows of static memory, the running ones always first.

A step works on the first `num_running` rows and touches no Python object per row. Rows that finish are taken
out, and the last running rows are copied onto them. Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from or1.nn.cache import KeyValueCache, PromptKeyValues
from or1.nn.causal_model import CausalModel
from or1.nn.head import head_distribution
from or1.rollout.graphs import StepGraphs
from or1.rollout.sampling import apply_top_k_top_p, draw, uniforms
from or1.types import Float32, Int32, Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A rollout to sample."""

    problem_id: str
    index: int
    """Index inside its group."""
    prompt_tokens: Int32
    key: int
    """From `rollout_key`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished request and its response: one value per token."""

    request: Request
    tokens: Int32
    logprobs: Float32
    """[nats]"""
    entropy: Float32
    """[nats]"""


def padded_batch(num_running: int) -> int:
    """Rows that a step works on: few different numbers, since kernels are prepared for each anew.

    >>> padded_batch(1), padded_batch(60), padded_batch(100)
    (8, 64, 128)
    """
    step = 8 if num_running <= 64 else 32
    return -(-num_running // step) * step


class RunningBatch:
    """State of up to S running requests.

    Args:
        decoder: computes the distributions.
        cache: keys and values of S sequences.
        sampling: temperature, top-p, top-k and response budget. At temperature 0 the likeliest token is
            taken; log-probabilities and entropy are then those at temperature 1.
        eos_ids: tokens that end a response.
    """

    def __init__(
        self, decoder: CausalModel, cache: KeyValueCache, sampling: Sampling, eos_ids: tuple[int, ...]
    ) -> None:
        num_rows, budget, device = cache.num_sequences, sampling.max_response_tokens, decoder.device
        self.decoder, self.cache, self.sampling = decoder, cache, sampling
        self.requests: list[Request] = []
        """Of the running rows."""
        self.positions: np.ndarray = np.zeros(0, dtype=np.int64)
        """Position of each running row's pending token: a copy of `positions_S` on the host."""
        self._state_4S = torch.zeros(4, num_rows, dtype=torch.int64, device=device)
        self.pending_S, self.positions_S, self.prompt_ends_S, self.keys_S = self._state_4S
        """Token that the next step reads, its position, the last prompt position, the request's key."""
        self.tokens_SL = torch.zeros(num_rows, budget, dtype=torch.int32, device=device)
        self.logprobs_SL = torch.zeros(num_rows, budget, dtype=torch.float32, device=device)
        self.entropy_SL = torch.zeros(num_rows, budget, dtype=torch.float32, device=device)
        self.is_finished_S = torch.zeros(num_rows, dtype=torch.bool, device=device)
        self._row_starts_S = torch.arange(num_rows, device=device) * budget
        self._is_eos_V = torch.zeros(decoder.config.vocab_size, dtype=torch.bool, device=device)
        self._is_eos_V[[i for i in eos_ids if i < decoder.config.vocab_size]] = True
        self._graphs = StepGraphs(self._step) if device.type == "cuda" else None

    @property
    def num_running(self) -> int:
        return len(self.requests)

    def add(self, requests: list[Request], prompts: PromptKeyValues, prompt_B: list[int]) -> None:
        """Start requests in free rows.

        Args:
            requests: at most as many as rows are free.
            prompts: prefilled prompts, each without its last token.
            prompt_B: index into `prompts` of each request's prompt.
        """
        device = self._state_4S.device
        rows = slice(self.num_running, self.num_running + len(requests))
        rows_B = torch.arange(rows.start, rows.stop, device=device)
        self.cache.write_prompt(prompts, torch.tensor(prompt_B, device=device), rows_B)
        ends = [len(request.prompt_tokens) - 1 for request in requests]
        state = [
            [int(request.prompt_tokens[end]), end, end, request.key]
            for request, end in zip(requests, ends, strict=True)
        ]
        self._state_4S[:, rows] = torch.tensor(state, device=device).T
        self.positions = np.concatenate([self.positions, np.asarray(ends, dtype=np.int64)])
        self.requests.extend(requests)

    def decode(self) -> bool:
        """Sample one token for every running request; True when a request finished with it."""
        num_rows = min(padded_batch(self.num_running), self.cache.num_sequences)
        live_length = int(self.positions.max()) + 1
        if self._graphs is None:
            self._step(num_rows, live_length)
        else:
            self.cache.reserve(live_length)
            self._graphs.run(num_rows, self.cache.capacity, live_length)
        self.positions += 1
        return bool(self.is_finished_S[: self.num_running].any())

    def _step(self, num_rows: int, live_length: int) -> None:
        """The step itself: device work only, on static memory."""
        pending_B, position_B = self.pending_S[:num_rows], self.positions_S[:num_rows]
        hidden_BC = self.decoder.cached(pending_B, position_B, self.cache, live_length)
        log_probs_BV = head_distribution(
            hidden_BC,
            self.decoder.head_weight,
            self.sampling.temperature or 1.0,
            self.decoder.kernels.head_logits,
        )
        probs_BV = log_probs_BV.exp()
        index_B = position_B - self.prompt_ends_S[:num_rows]
        if self.sampling.temperature == 0.0:
            token_B = log_probs_BV.argmax(-1)
        else:
            likely_BV = apply_top_k_top_p(probs_BV, self.sampling.top_k, self.sampling.top_p)
            token_B = draw(likely_BV, uniforms(self.keys_S[:num_rows], index_B))
        target_B = self._row_starts_S[:num_rows] + index_B
        self.tokens_SL.view(-1)[target_B] = token_B.to(torch.int32)
        self.logprobs_SL.view(-1)[target_B] = log_probs_BV.gather(1, token_B[:, None]).squeeze(1)
        self.entropy_SL.view(-1)[target_B] = torch.linalg.vecdot(probs_BV, log_probs_BV).neg_()
        pending_B.copy_(token_B)
        position_B.add_(1)
        is_last_B = index_B == self.sampling.max_response_tokens - 1
        torch.logical_or(self._is_eos_V[token_B], is_last_B, out=self.is_finished_S[:num_rows])

    def pop_finished(self) -> list[Finished]:
        """Take the finished requests out and close the gaps."""
        is_finished = self.is_finished_S[: self.num_running].cpu().numpy()
        rows = np.flatnonzero(is_finished)
        prompt_ends = self.prompt_ends_S[: self.num_running].cpu().numpy()
        lengths = (self.positions[rows] - prompt_ends[rows]).tolist()
        rows_F, longest = torch.from_numpy(rows).to(self._state_4S.device), max(lengths)
        tokens, logprobs, entropy = (
            recorded_SL[rows_F, :longest].cpu().numpy()
            for recorded_SL in (self.tokens_SL, self.logprobs_SL, self.entropy_SL)
        )
        finished = [
            Finished(self.requests[row], tokens[i, :n].copy(), logprobs[i, :n].copy(), entropy[i, :n].copy())
            for i, (row, n) in enumerate(zip(rows.tolist(), lengths, strict=True))
        ]
        self._close_gaps(is_finished)
        return finished

    def _close_gaps(self, is_finished: np.ndarray) -> None:
        """Copy the last running rows onto the finished ones before them."""
        num_kept = int((~is_finished).sum())
        gaps = np.flatnonzero(is_finished[:num_kept])
        movers = num_kept + np.flatnonzero(~is_finished[num_kept:])
        for gap, mover in zip(gaps.tolist(), movers.tolist(), strict=True):
            self.requests[gap] = self.requests[mover]
        del self.requests[num_kept:]
        if gaps.size:
            length = int(self.positions[movers].max())
            self.positions[gaps] = self.positions[movers]
            device = self._state_4S.device
            gaps_F, movers_F = torch.from_numpy(gaps).to(device), torch.from_numpy(movers).to(device)
            self.cache.move(movers_F, gaps_F, length)
            self._state_4S[:, gaps_F] = self._state_4S[:, movers_F]
            num_recorded = min(length, self.sampling.max_response_tokens)
            for recorded_SL in (self.tokens_SL, self.logprobs_SL, self.entropy_SL):
                recorded_SL[gaps_F, :num_recorded] = recorded_SL[movers_F, :num_recorded]
        # rows behind the running ones may be computed as padding: position 0 keeps their writes in
        # bounds, and some running row finishes, and resets them again, within L steps
        self._state_4S[:, num_kept:] = 0
        self.positions = self.positions[:num_kept]
