"""The parts of the engine that a GPU uses, on a CPU: pages, graphs that are kept, late answers, memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from or1.nn import paged_cache
from or1.nn.cache import Cache
from or1.nn.config import ModelShape
from or1.nn.kernels import EXACT, FAST
from or1.nn.paged_cache import PagedCache, attend_pages_gathered
from or1.rollout import local_engine
from or1.rollout.finish_watch import LateWatch
from or1.rollout.local_engine import LocalEngine
from or1.types import Rollout, Sampling, WeightHandle
from tests.small import LetterTokenizer, draw_all, engine_decoder, make_engine, make_problems

SAMPLING = Sampling(group_size=5, max_response_tokens=40, temperature=0.9, seed=3)
SMALL_PAGE = 8


class FakeCapture:
    """Makes graphs that run the recorded function again."""

    def __init__(self) -> None:
        self.num_replays = 0

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        def replay() -> None:
            self.num_replays += 1
            work()

        return replay


def paged(max_pages: int | None = None) -> Callable[..., Cache]:
    """A cache in pages, whatever the device, of at most this many."""

    def new_cache(
        config: ModelShape,
        num_sequences: int,
        max_length: int,
        dtype: torch.dtype,
        device: torch.device,
        max_bytes: int | None,
    ) -> Cache:
        cache = PagedCache(config, num_sequences, max_length, dtype, device, attend_pages_gathered, max_bytes)
        cache.num_pages = min(cache.num_pages, max_pages or cache.num_pages)
        return cache

    return new_cache


def gpu_like(max_running: int = 16, max_pages: int | None = None) -> LocalEngine:
    """Pages, graphs and late answers, in float64: its draws are those of any other engine."""
    decoder = engine_decoder(replace(FAST, new_cache=paged(max_pages)), dtype=torch.float64)
    return LocalEngine(
        decoder, LetterTokenizer(), max_running=max_running, max_prompt_tokens=64, capture=FakeCapture()
    )


@pytest.fixture(scope="module")
def expected() -> list[Rollout]:
    return draw_all(make_engine(dtype=torch.float64), make_problems(), SAMPLING)


def assert_same(rollouts: list[Rollout], expected: list[Rollout]) -> None:
    assert len(rollouts) == len(expected)
    for rollout, other in zip(rollouts, expected, strict=True):
        np.testing.assert_array_equal(rollout.response_tokens, other.response_tokens)
        np.testing.assert_allclose(rollout.behavior_logprobs, other.behavior_logprobs, atol=1e-6)
        assert rollout.behavior_entropy is not None
        assert other.behavior_entropy is not None
        np.testing.assert_allclose(rollout.behavior_entropy, other.behavior_entropy, atol=1e-6)
        assert rollout.finish is other.finish


@settings(max_examples=10)
@given(max_running=st.integers(1, 33), spare_pages=st.integers(0, 20))
def test_any_memory_draws_the_same(max_running: int, spare_pages: int) -> None:
    """From one sequence of full length up: what does not fit waits, and goes on from its tokens."""
    longest = max(len(p.prompt[0].content) for p in make_problems()) + 40
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paged_cache, "PAGE", SMALL_PAGE)
        engine = gpu_like(max_running, -(-longest // SMALL_PAGE) + spare_pages)
        rollouts = draw_all(engine, make_problems(), SAMPLING)
        cache = engine._cache
        assert isinstance(cache, PagedCache)
        assert cache.num_free == cache.num_pages
    assert_same(rollouts, draw_all(make_engine(dtype=torch.float64), make_problems(), SAMPLING))


def test_short_memory_pauses_the_request_with_the_fewest_tokens(
    monkeypatch: pytest.MonkeyPatch, expected: list[Rollout]
) -> None:
    monkeypatch.setattr(paged_cache, "PAGE", SMALL_PAGE)
    paused = []
    pause = local_engine.RunningBatch.pause

    def record(batch: local_engine.RunningBatch) -> object:
        lengths = {
            r.key: int(p) - len(r.prompt_tokens) for r, p in zip(batch.requests, batch.positions, strict=True)
        }
        taken = pause(batch)
        paused.append((lengths[taken.request.key], min(lengths.values()), len(taken.tokens)))
        return taken

    monkeypatch.setattr(local_engine.RunningBatch, "pause", record)
    assert_same(draw_all(gpu_like(16, 8), make_problems(), SAMPLING), expected)
    assert paused
    assert all(own == least and length == own + 1 for own, least, length in paused)


def test_graphs_are_recorded_once_for_all_calls(expected: list[Rollout]) -> None:
    engine = gpu_like()
    assert_same(draw_all(engine, make_problems(), SAMPLING), expected)
    num_captures = engine.num_captures
    assert num_captures > 0
    reseeded = replace(SAMPLING, seed=4)
    for sampling in (reseeded, SAMPLING):
        rollouts = draw_all(engine, make_problems(), sampling)
    assert_same(rollouts, expected)
    assert engine.num_captures == num_captures
    assert engine.num_allocations == 1
    draw_all(engine, make_problems(), replace(SAMPLING, temperature=1.0))
    assert num_captures < engine.num_captures <= 2 * num_captures


def test_an_abandoned_call_leaves_nothing_in_the_kept_batch(expected: list[Rollout]) -> None:
    engine = gpu_like(4)
    stream = engine.rollouts(make_problems(), replace(SAMPLING, seed=8))
    next(stream)
    stream.close()
    assert_same(draw_all(engine, make_problems(), SAMPLING), expected)


def test_weights_at_another_address_are_recorded_anew() -> None:
    engine = gpu_like()
    draw_all(engine, make_problems(), SAMPLING)
    num_captures = engine.num_captures
    same = {name: p.detach() for name, p in engine.decoder.named_parameters()}
    engine.load(WeightHandle(version=1, ref=same))
    draw_all(engine, make_problems(), SAMPLING)
    assert engine.num_captures == num_captures
    engine.load(WeightHandle(version=2, ref={name: p.clone() for name, p in same.items()}))
    draw_all(engine, make_problems(), SAMPLING)
    assert engine.num_captures == 2 * num_captures


def test_memory_is_taken_once_and_leaves_what_is_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory caps the sequences, the next call must not take the cap for too small a cache."""
    monkeypatch.setattr(local_engine, "free_gpu_bytes", lambda device: 30_000_000)
    seen = []

    def new_cache(*arguments: object) -> Cache:
        seen.append(arguments[5])
        return EXACT.new_cache(*arguments)  # type: ignore[arg-type]

    decoder = engine_decoder(replace(EXACT, new_cache=new_cache))
    engine = LocalEngine(decoder, LetterTokenizer(), max_running=512, max_prompt_tokens=64)
    engine.share_with(lambda: 29_000_000)
    for _ in range(3):
        draw_all(engine, make_problems(), SAMPLING)
    assert seen == [700_000]
    assert engine.num_allocations == 1
    assert engine._cache is not None
    # 2 layers x keys and values x 2 heads x 16 x 4 bytes x 128 positions = 65,536 bytes a sequence
    assert engine._cache.num_sequences == 10
    engine.close()
    draw_all(engine, make_problems(), SAMPLING)
    assert engine.num_allocations == 2


def test_a_late_watch_answers_for_the_step_before() -> None:
    watch = LateWatch(torch.device("cpu"))
    flags = torch.tensor([False, False])
    finished = torch.tensor([False, True])
    assert [watch.has_finished(f) for f in (flags, finished, flags)] == [False, False, True]
    watch.has_finished(finished)
    watch.forget()
    assert not watch.has_finished(flags)
