"""The running rollouts: rows of static memory, the live ones always first.

A step works on the first `num_live` rows and touches no Python object per row. Rows that finish are taken
out by copying the last live rows onto them.

Shape legend: S slots, B live rows (the first B), R response budget, V vocabulary, F finished rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from or1.nn.cache import KeyValueCache, PromptKeyValues
from or1.nn.decoder import Decoder
from or1.nn.head import head_distribution
from or1.rollout.graphs import StepGraphs
from or1.rollout.sampling import Restriction, draw, uniforms


@dataclass(frozen=True, slots=True)
class Ticket:
    """A rollout to be drawn."""

    problem: int
    """Index into the problems of the call."""
    index: int
    """Index inside its group."""
    key: int
    """From `rollout_key`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A rollout's numbers, as they were recorded."""

    ticket: Ticket
    tokens: np.ndarray
    logprobs: np.ndarray
    entropy: np.ndarray


@dataclass(frozen=True, slots=True)
class Draws:
    """How tokens are drawn from the distribution."""

    temperature: float
    """0 = greedy; log-probabilities and entropy are then those at temperature 1."""
    restriction: Restriction


def padded_batch(num_live: int) -> int:
    """Rows that a step works on: few different numbers, since kernels are prepared for each anew.

    >>> padded_batch(1), padded_batch(60), padded_batch(100)
    (8, 64, 128)
    """
    step = 8 if num_live <= 64 else 32
    return -(-num_live // step) * step


class Slots:
    """State of up to S running rollouts.

    Args:
        decoder: computes the distributions.
        cache: keys and values, of S slots.
        draws: how to draw.
        max_response_tokens: R.
        eos_ids: tokens that end a response.
    """

    def __init__(
        self,
        decoder: Decoder,
        cache: KeyValueCache,
        draws: Draws,
        max_response_tokens: int,
        eos_ids: tuple[int, ...],
    ) -> None:
        num_slots, device = cache.num_slots, decoder.device
        self.decoder, self.cache, self.draws = decoder, cache, draws
        self.max_response_tokens = max_response_tokens
        self.num_live = 0
        self.tickets: list[Ticket] = []
        """Of the live rows."""
        self.places: np.ndarray = np.zeros(0, dtype=np.int64)
        """Position of each live row's pending token: what `positions_S` holds, without asking the device."""
        self.state_4S = torch.zeros(4, num_slots, dtype=torch.int64, device=device)
        """Pending token, its position, last prompt position, key."""
        self.tokens_SR = torch.zeros(num_slots, max_response_tokens, dtype=torch.int32, device=device)
        self.numbers_2SR = torch.zeros(2, num_slots, max_response_tokens, dtype=torch.float32, device=device)
        """Log-probability and entropy of each response token [nats]."""
        self.is_done_S = torch.zeros(num_slots, dtype=torch.bool, device=device)
        self.row_starts_S = torch.arange(num_slots, device=device) * max_response_tokens
        self.is_eos_V = torch.zeros(decoder.config.vocab_size, dtype=torch.bool, device=device)
        self.is_eos_V[[i for i in eos_ids if i < decoder.config.vocab_size]] = True

        self.graphs = StepGraphs(self._advance) if device.type == "cuda" else None

    def admit(
        self,
        tickets: list[Ticket],
        prompts: PromptKeyValues,
        prompt_B: list[int],
        ends: list[tuple[int, int]],
    ) -> None:
        """Start rollouts in free rows.

        Args:
            tickets: the rollouts.
            prompts: prefilled prompts, each without its last token.
            prompt_B: index into `prompts` for each rollout.
            ends: (last prompt token, its position) for each rollout.
        """
        device = self.state_4S.device
        rows = slice(self.num_live, self.num_live + len(tickets))
        slots_B = torch.arange(rows.start, rows.stop, device=device)
        self.cache.write_prompt(prompts, torch.tensor(prompt_B, device=device), slots_B)
        state = [[*end, end[1], ticket.key] for ticket, end in zip(tickets, ends, strict=True)]
        self.state_4S[:, rows] = torch.tensor(state, device=device).T
        self.places = np.concatenate(
            [self.places, np.asarray([position for _, position in ends], dtype=np.int64)]
        )
        self.tickets.extend(tickets)
        self.num_live = rows.stop

    def step(self) -> bool:
        """Draw one token in every live row; True when a row finished with it."""
        num_rows = min(padded_batch(self.num_live), self.cache.num_slots)
        live_length = int(self.places.max()) + 1
        if self.graphs is None:
            self._advance(num_rows, live_length)
        else:
            self.cache.reserve(live_length)
            self.graphs.run(num_rows, self.cache.length, live_length)
        self.places += 1
        return bool(self.is_done_S[: self.num_live].any())

    def _advance(self, num_rows: int, live_length: int) -> None:
        """The step itself: device work only, on static memory."""
        pending_B, position_B, start_B, key_B = self.state_4S[:, :num_rows]
        hidden_BC = self.decoder.cached(pending_B, position_B, self.cache, live_length)
        temperature = self.draws.temperature or 1.0
        log_probs_BV = head_distribution(
            hidden_BC, self.decoder.head_weight, temperature, deterministic=self.decoder.deterministic
        )
        probs_BV = log_probs_BV.exp()
        place_B = position_B - start_B
        if self.draws.temperature == 0.0:
            token_B = log_probs_BV.argmax(-1)
        else:
            token_B = draw(self.draws.restriction.apply(probs_BV), uniforms(key_B, place_B))
        target_B = self.row_starts_S[:num_rows] + place_B
        self.tokens_SR.view(-1)[target_B] = token_B.to(torch.int32)
        numbers = self.numbers_2SR.view(2, -1)
        numbers[0][target_B] = log_probs_BV.gather(1, token_B[:, None]).squeeze(1)
        numbers[1][target_B] = torch.linalg.vecdot(probs_BV, log_probs_BV).neg_()
        pending_B.copy_(token_B)
        position_B.add_(1)
        is_last_B = place_B == self.max_response_tokens - 1
        torch.logical_or(self.is_eos_V[token_B], is_last_B, out=self.is_done_S[:num_rows])

    def retire(self) -> list[Finished]:
        """Take the finished rows out and close the gaps."""
        is_done = self.is_done_S[: self.num_live].cpu().numpy()
        rows = np.flatnonzero(is_done)
        lengths = (self.places[rows] - self.state_4S[2, : self.num_live].cpu().numpy()[rows]).tolist()
        rows_F = torch.from_numpy(rows).to(self.state_4S.device)
        longest = max(lengths)
        tokens = self.tokens_SR[rows_F, :longest].cpu().numpy()
        numbers = self.numbers_2SR[:, rows_F, :longest].cpu().numpy()
        finished = [
            Finished(
                self.tickets[row], tokens[i, :n].copy(), numbers[0, i, :n].copy(), numbers[1, i, :n].copy()
            )
            for i, (row, n) in enumerate(zip(rows.tolist(), lengths, strict=True))
        ]
        self._close_gaps(is_done)
        return finished

    def _close_gaps(self, is_done: np.ndarray) -> None:
        """Copy the last live rows onto the finished ones before them."""
        num_kept = int((~is_done).sum())
        gaps = np.flatnonzero(is_done[:num_kept])
        movers = num_kept + np.flatnonzero(~is_done[num_kept:])
        for gap, mover in zip(gaps.tolist(), movers.tolist(), strict=True):
            self.tickets[gap] = self.tickets[mover]
        del self.tickets[num_kept:]
        if gaps.size:
            length = int(self.places[movers].max())
            self.places[gaps] = self.places[movers]
            device = self.state_4S.device
            gaps_N, movers_N = torch.from_numpy(gaps).to(device), torch.from_numpy(movers).to(device)
            self.cache.move(movers_N, gaps_N, length)
            self.state_4S[:, gaps_N] = self.state_4S[:, movers_N]
            recorded = min(length, self.max_response_tokens)
            self.tokens_SR[gaps_N, :recorded] = self.tokens_SR[movers_N, :recorded]
            self.numbers_2SR[:, gaps_N, :recorded] = self.numbers_2SR[:, movers_N, :recorded]
        # rows behind the live ones may be computed along with them: from position 0 they stay inside their
        # memory, because some live row finishes, and this line comes again, within R steps
        self.state_4S[:, num_kept:] = 0
        self.places = self.places[:num_kept]
        self.num_live = num_kept
