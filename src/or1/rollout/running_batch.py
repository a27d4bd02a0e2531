"""The requests that are decoded now: rows of static memory, the running ones always first.

A step works on the first `num_running` rows and touches no Python object per row. Rows that finish are taken
out, and the last running rows are copied onto them. Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from or1.nn.cache import Cache, PromptKeyValues
from or1.nn.causal_model import CausalModel
from or1.nn.head import head_distributions
from or1.rollout.finish_watch import ImmediateWatch, LateWatch
from or1.rollout.graphs import Capture, StepGraphs
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
class Recorded:
    """A request and its response, or the part of it that is sampled: one value per token."""

    request: Request
    tokens: Int32
    logprobs: Float32
    """[nats]"""
    entropy: Float32
    """[nats]"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits, from its prompt or from where it was paused."""

    request: Request
    paused: Recorded | None = None
    """The part that was sampled before memory became short."""

    @property
    def tokens(self) -> Int32:
        """Prompt and response so far."""
        prompt = self.request.prompt_tokens
        return prompt if self.paused is None else np.concatenate([prompt, self.paused.tokens])


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
        cache: keys and values of S sequences; empty.
        sampling: temperature, top-p, top-k and response budget. At temperature 0 the likeliest token is
            taken; log-probabilities and entropy are then those at temperature 1.
        eos_ids: tokens that end a response.
        capture: records a step as a CUDA graph; None = steps run as they are.
    """

    def __init__(
        self,
        decoder: CausalModel,
        cache: Cache,
        sampling: Sampling,
        eos_ids: tuple[int, ...],
        capture: Capture | None = None,
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
        # one column more than the budget: steps after a row's last one write there
        self.tokens_SL = torch.zeros(num_rows, budget + 1, dtype=torch.int32, device=device)
        self.logprobs_SL = torch.zeros(num_rows, budget + 1, dtype=torch.float32, device=device)
        self.entropy_SL = torch.zeros(num_rows, budget + 1, dtype=torch.float32, device=device)
        self.is_finished_S = torch.zeros(num_rows, dtype=torch.bool, device=device)
        self._row_starts_S = torch.arange(num_rows, device=device) * (budget + 1)
        self._is_eos_V = torch.zeros(decoder.config.vocab_size, dtype=torch.bool, device=device)
        self._is_eos_V[[i for i in eos_ids if i < decoder.config.vocab_size]] = True
        self._watch = LateWatch(device) if capture else ImmediateWatch()
        self.graphs = StepGraphs(self._step, capture) if capture else None

    @property
    def num_running(self) -> int:
        return len(self.requests)

    def clear(self) -> None:
        """Forget all requests, so that another call can use the same memory and graphs."""
        self.requests.clear()
        self.positions = self.positions[:0]
        self._state_4S.zero_()
        self.is_finished_S.zero_()
        self._watch.forget()
        self.cache.clear()

    def num_fitting(self, starts: Sequence[Waiting]) -> int:
        """How many of these, in order, the cache has room for."""
        return self.cache.num_fitting([len(start.tokens) for start in starts], self.num_running)

    def add(self, starts: Sequence[Waiting], prompts: PromptKeyValues, prompt_B: list[int]) -> None:
        """Start requests in free rows.

        Args:
            starts: at most as many as `num_fitting`, and as rows are free.
            prompts: prefilled tokens of each, without the last one.
            prompt_B: index into `prompts` of each request.
        """
        first = self.num_running
        rows = slice(first, first + len(starts))
        ends = [len(start.tokens) - 1 for start in starts]
        state = [
            [int(start.tokens[end]), end, len(start.request.prompt_tokens) - 1, start.request.key]
            for start, end in zip(starts, ends, strict=True)
        ]
        self.positions = np.concatenate([self.positions, np.asarray(ends, dtype=np.int64)])
        self.requests.extend(start.request for start in starts)
        if not self.make_room():
            raise RuntimeError("requests start only where the cache has room for them")
        self.cache.write_prompt(prompts, torch.tensor(prompt_B), torch.arange(rows.start, rows.stop))
        self._state_4S[:, rows] = torch.tensor(state, device=self._state_4S.device).T
        for row, start in enumerate(starts, first):
            if start.paused is not None:
                recorded = start.paused.tokens, start.paused.logprobs, start.paused.entropy
                for recorded_SL, values in zip(self._recorded, recorded, strict=True):
                    recorded_SL[row, : values.size] = torch.from_numpy(values)

    @property
    def _recorded(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.tokens_SL, self.logprobs_SL, self.entropy_SL

    def make_room(self) -> bool:
        """Provide the memory that the next step needs; False: the cache has not enough."""
        return self.cache.make_room(self.positions + 1)

    def decode(self) -> bool:
        """Sample one token for every running request, after `make_room`; True when a request has finished.

        With graphs the answer is that of the step before, so that the device never waits for the host.
        """
        num_rows = min(padded_batch(self.num_running), self.cache.num_sequences)
        live_length = min(int(self.positions.max()) + 1, self.cache.max_length)
        if self.graphs is None:
            self._step(num_rows, live_length)
        else:
            self.graphs.run(num_rows, self.cache.capacity, live_length)
        self.positions += 1
        return self._watch.has_finished(self.is_finished_S[: self.num_running])

    def _step(self, num_rows: int, live_length: int) -> None:
        """The step itself: device work only, on static memory."""
        pending_B, position_B = self.pending_S[:num_rows], self.positions_S[:num_rows]
        hidden_BC = self.decoder.cached(pending_B, position_B, self.cache, live_length)
        index_B = position_B - self.prompt_ends_S[:num_rows]
        drawn = [
            self._draw(log_probs_BV, self.keys_S[rows], index_B[rows])
            for rows, log_probs_BV in head_distributions(
                hidden_BC,
                self.decoder.head_weight,
                self.sampling.temperature or 1.0,
                self.decoder.kernels.head_logits,
            )
        ]
        token_B, logprob_B, entropy_B = map(torch.cat, zip(*drawn, strict=True))
        is_finished_B = self.is_finished_S[:num_rows]
        budget = self.sampling.max_response_tokens
        target_B = self._row_starts_S[:num_rows] + index_B.masked_fill(is_finished_B, budget)
        self.tokens_SL.view(-1)[target_B] = token_B.to(torch.int32)
        self.logprobs_SL.view(-1)[target_B] = logprob_B
        self.entropy_SL.view(-1)[target_B] = entropy_B
        pending_B.copy_(token_B)
        position_B.add_(is_finished_B.logical_not())
        is_finished_B.logical_or_(self._is_eos_V[token_B] | (index_B == budget - 1))

    def _draw(
        self, log_probs_BV: torch.Tensor, keys_B: torch.Tensor, index_B: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The next token of some rows, its log-probability and the entropy there [B]."""
        probs_BV = log_probs_BV.exp()
        entropy_B = torch.linalg.vecdot(probs_BV, log_probs_BV).neg_().float()
        if self.sampling.temperature == 0.0:
            token_B = log_probs_BV.argmax(-1)
        else:
            likely_BV = apply_top_k_top_p(probs_BV, self.sampling.top_k, self.sampling.top_p)
            token_B = draw(likely_BV, uniforms(keys_B, index_B))
        return token_B, log_probs_BV.gather(1, token_B[:, None]).squeeze(1).float(), entropy_B

    def pop_finished(self) -> list[Recorded]:
        """Take the finished requests out and close the gaps."""
        return self._take_out(self.is_finished_S[: self.num_running].cpu().numpy())

    def pause(self) -> Recorded:
        """Take the request with the fewest response tokens out; none has finished."""
        lengths = self.positions - [len(request.prompt_tokens) for request in self.requests]
        (paused,) = self._take_out(np.arange(self.num_running) == lengths.argmin())
        return paused

    def pause_all(self) -> list[Recorded]:
        """Take all requests out; none has finished."""
        return self._take_out(np.ones(self.num_running, dtype=np.bool_))

    def _take_out(self, is_taken: np.ndarray) -> list[Recorded]:
        rows = np.flatnonzero(is_taken)
        if rows.size == 0:
            return []
        device = self._state_4S.device
        _, self.positions, prompt_ends, _ = self._state_4S[:, : self.num_running].cpu().numpy().copy()
        lengths = (self.positions[rows] - prompt_ends[rows]).tolist()
        rows_F, longest = torch.from_numpy(rows).to(device), max(lengths)
        tokens, logprobs, entropy = (
            recorded_SL[rows_F, :longest].cpu().numpy() for recorded_SL in self._recorded
        )
        taken = [
            Recorded(self.requests[row], tokens[i, :n].copy(), logprobs[i, :n].copy(), entropy[i, :n].copy())
            for i, (row, n) in enumerate(zip(rows.tolist(), lengths, strict=True))
        ]
        self._close_gaps(is_taken)
        self._watch.forget()
        return taken

    def _close_gaps(self, is_taken: np.ndarray) -> None:
        """Put the last running rows in the place of those taken out before them."""
        num_kept = int((~is_taken).sum())
        gaps = np.flatnonzero(is_taken[:num_kept])
        movers = num_kept + np.flatnonzero(~is_taken[num_kept:])
        for gap, mover in zip(gaps.tolist(), movers.tolist(), strict=True):
            self.requests[gap] = self.requests[mover]
        del self.requests[num_kept:]
        if gaps.size:
            length = int(self.positions[movers].max())
            self.positions[gaps] = self.positions[movers]
            host_gaps, host_movers = torch.from_numpy(gaps), torch.from_numpy(movers)
            self.cache.move(host_movers, host_gaps, length)
            device = self._state_4S.device
            gaps_F, movers_F = host_gaps.to(device), host_movers.to(device)
            self._state_4S[:, gaps_F] = self._state_4S[:, movers_F]
            num_recorded = min(length, self.sampling.max_response_tokens)
            for recorded_SL in self._recorded:
                recorded_SL[gaps_F, :num_recorded] = recorded_SL[movers_F, :num_recorded]
        self.cache.forget(num_kept)
        # rows behind the running ones may be computed as padding: position 0 keeps their writes in
        # bounds, and they stop, as finished rows do, at the end of the budget
        self._state_4S[:, num_kept:] = 0
        self.is_finished_S.zero_()
        self.positions = self.positions[:num_kept]
