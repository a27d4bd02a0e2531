"""vLLM's CPU build under the pool: exact numbers, and faults that the canary must catch.

The contract suites of engines and generators run over the same engines. `make test-vllm` runs all of it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from or1 import algo
from or1.assemble.model import read_model
from or1.assemble.vllm import vllm_engine
from or1.config import (
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RolloutConfig,
    StageConfig,
    SystemConfig,
)
from or1.errors import ConfigError, DataError, EngineError
from or1.models import model_folder
from or1.nn.decoder import Decoder
from or1.nn.head import head_logprobs
from or1.nn.weights import load_decoder
from or1.rollout.engine_pool import EnginePool
from or1.testing import make_problem, make_verdict
from or1.trainer.local_backend import LocalBackend
from or1.types import Finish, Group, Rollout, Sampling, WeightHandle
from tests.shared_pools import MAX_PROMPT, MAX_RESPONSE, require_vllm, shared_vllm, vllm_pool

PROBLEMS = [make_problem(n) for n in range(12)]
SAMPLING = Sampling(group_size=4, max_response_tokens=96, seed=5)
BAR_K3, BAR_MAX = 1e-8, 1e-3
"""Mean of the k3 estimate, and largest difference of a log-probability [nats]."""


@pytest.fixture
def pool() -> EnginePool:
    return shared_vllm(1)


def _decoder() -> Decoder:
    return load_decoder(model_folder("builtin:tiny"), dtype=torch.float32)


def _weights(decoder: Decoder) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in decoder.named_parameters()}


def _moved(size: float, seed: int = 0) -> dict[str, Tensor]:
    """The start weights, each moved by this share of its own spread."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: tensor + size * tensor.std() * torch.randn(tensor.shape, generator=generator)
        for name, tensor in _weights(_decoder()).items()
    }


@torch.no_grad()
def _differences(decoder: Decoder, rollouts: Sequence[Rollout], temperature: float) -> np.ndarray:
    """Recorded log-probability minus that of the packed pass, of every response token [nats]."""
    found = []
    for rollout in rollouts:
        tokens = np.concatenate([rollout.prompt_tokens, rollout.response_tokens]).astype(np.int64)
        hidden_TC = decoder.packed(torch.from_numpy(tokens), [len(tokens)])
        rows_LC = hidden_TC[len(rollout.prompt_tokens) - 1 : -1]
        targets_L = torch.from_numpy(tokens[len(rollout.prompt_tokens) :])
        expected, _ = head_logprobs(rows_LC, decoder.head_weight, targets_L, temperature)
        found.append(rollout.behavior_logprobs - expected.numpy())
    return np.concatenate(found)


def _groups(rollouts: Sequence[Rollout]) -> list[Group]:
    """Judged at random, so that every group has a signal."""
    by_problem: dict[str, list[Rollout]] = {problem.id: [] for problem in PROBLEMS}
    for rollout in sorted(rollouts, key=lambda each: each.index):
        by_problem[rollout.problem_id].append(
            replace(rollout, verdict=make_verdict(float(rollout.index % 2)))
        )
    return [Group(problem=p, rollouts=tuple(by_problem[p.id])) for p in PROBLEMS]


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_log_probabilities_are_the_trainers_after_five_updates(pool: EnginePool, temperature: float) -> None:
    decoder = _decoder()
    backend = LocalBackend(
        decoder,
        OptimizerConfig(learning_rate=2e-3),
        temperature=temperature,
        tokens_per_microbatch=4096,
    )
    stage = StageConfig(max_response_tokens=96, num_steps=5, num_problems=12, group_size=4)
    sampling = replace(SAMPLING, temperature=temperature)
    start = _weights(_decoder())
    pool.load(backend.publish(0))
    for step in range(1, 6):
        groups = _groups(list(pool.rollouts(PROBLEMS, replace(sampling, seed=step))))
        loss = LossConfig()
        backend.update(groups, algo.advantages(groups, loss), loss, 0.0, stage)
        pool.load(backend.publish(step))
        assert pool.largest_gap < BAR_MAX
    moved = max(float((start[name] - p).abs().max()) for name, p in _weights(decoder).items())
    assert moved > 5e-3, "the weights have moved, the tied embedding among them"
    longer = replace(sampling, seed=9, group_size=12, max_response_tokens=200)
    rollouts = list(pool.rollouts(PROBLEMS, longer))
    differences = _differences(decoder, rollouts, temperature)
    assert len(differences) >= 3000
    assert np.abs(differences).max() < BAR_MAX
    assert np.mean(np.expm1(-differences) + differences) < BAR_K3
    assert {r.policy_version for r in rollouts} == {5}


def test_ids_that_the_tokenizer_lacks_are_never_sampled(tmp_path: Path) -> None:
    """Rows behind the known ids, which would be the likeliest tokens: the trainer gives them none. The canary
    allows for them here: the log-probabilities of its prompt, which are not sampled, hold such rows."""
    require_vllm()
    folder, num_extra = tmp_path / "model", 32
    shutil.copytree(model_folder("builtin:tiny"), folder)
    raw = json.loads((folder / "config.json").read_text())
    known = raw["vocab_size"]
    (folder / "config.json").write_text(json.dumps({**raw, "vocab_size": known + num_extra}))
    settings = ModelConfig.model_validate({"path": str(folder), "dtype": "float32"})
    model = read_model(settings, SystemConfig(device="cpu"))
    assert model.tokenizer.num_ids == known
    decoder = _decoder()
    weights = _weights(decoder)
    embedding = weights["model.embed_tokens.weight"]
    likely = 3 * embedding[model.tokenizer.eos_ids[0]].expand(num_extra, -1)
    weights["model.embed_tokens.weight"] = torch.cat([embedding, likely])
    rollout = RolloutConfig.model_validate(
        {
            **{"engine": "vllm", "max_running": 32, "max_response_tokens": 96},
            "vllm": {"kv_cache_bytes": 64 << 20, "canary_max_nats": 1e3},
        }
    )
    with contextlib.closing(vllm_engine(model, rollout)) as pool:
        pool.load(WeightHandle(version=1, ref=weights))
        rollouts = list(pool.rollouts(PROBLEMS, SAMPLING))
    assert max(int(each.response_tokens.max()) for each in rollouts) < known
    assert np.abs(_differences(decoder, rollouts, 1.0)).max() < BAR_MAX


class PartialFile:
    """The transfer of a pool, that leaves tensors out of the file."""

    backend = "or1_shm"

    def __init__(self, pool: EnginePool, is_left_out: Callable[[str], bool]) -> None:
        self._inner, self._is_left_out = pool._transfer, is_left_out

    def update(self, weights: WeightHandle) -> Mapping[str, object]:
        update = self._inner.update(weights)
        path = Path(update["path"])
        save_file({k: t for k, t in load_file(path).items() if not self._is_left_out(k)}, path)
        return update

    def connect(self) -> None:
        self._inner.connect()

    def send(self) -> None:
        self._inner.send()

    def loaded(self) -> None:
        self._inner.loaded()


@contextlib.contextmanager
def _leaving_out(pool: EnginePool, is_left_out: Callable[[str], bool]) -> Iterator[None]:
    whole = pool._transfer
    pool._transfer = PartialFile(pool, is_left_out)
    try:
        yield
    finally:
        pool._transfer = whole


@pytest.mark.parametrize(
    "is_left_out",
    [
        lambda name: name == "lm_head.weight",
        lambda name: ".layers.2." in name or ".layers.3." in name,
        lambda name: name == "model.layers.1.mlp.down_proj.weight",
        lambda name: True,
    ],
    ids=["an old head", "half an update", "one old matrix", "no update"],
)
def test_weights_that_did_not_arrive_stop_the_run(
    pool: EnginePool, is_left_out: Callable[[str], bool]
) -> None:
    pool.load(WeightHandle(version=1, ref=_weights(_decoder())))
    new = WeightHandle(version=2, ref=_moved(0.05))
    with _leaving_out(pool, is_left_out), pytest.raises(EngineError) as caught:
        pool.load(new)
    message = str(caught.value)
    assert "rollout engine 1 does not sample from the published weights (version 2): token" in message
    with pytest.raises(EngineError, match="no weights are loaded"):
        list(pool.rollouts(PROBLEMS, SAMPLING))
    pool.load(new)
    assert pool.largest_gap < BAR_MAX


def test_a_small_step_of_an_old_head_is_seen(pool: EnginePool) -> None:
    """A head that lags by one update of 1e-4 per weight."""
    pool.load(WeightHandle(version=1, ref=_weights(_decoder())))
    generator = torch.Generator().manual_seed(1)
    step = {
        name: t + 1e-4 * torch.randn(t.shape, generator=generator).sign()
        for name, t in _weights(_decoder()).items()
    }
    with _leaving_out(pool, lambda name: name == "lm_head.weight"), pytest.raises(EngineError):
        pool.load(WeightHandle(version=2, ref=step))


def test_an_engine_without_its_load_and_one_with_an_old_cache_are_caught() -> None:
    require_vllm()
    old, new = (WeightHandle(version=n, ref=_moved(0.1 * n, seed=n)) for n in (1, 2))
    with contextlib.closing(vllm_pool("float32", 1, engine_module="tests.vllm_faults")) as faulty:
        faulty.start()  # as an engine that was started again: it has the weights of its start
        with pytest.raises(EngineError, match="does not sample from the published weights"):
            faulty.compare_with(old)
        faulty.load(old)
        with pytest.raises(EngineError, match=r"version 2.: token (9[7-9]|1[01]\d) of the canary"):
            faulty.load(new)  # the prompt is scored without the cache: only sampled tokens are wrong


def test_a_group_computes_its_prompt_once_and_has_no_twins(pool: EnginePool) -> None:
    pool.load(WeightHandle(version=1, ref=_weights(_decoder())))
    sampling = Sampling(group_size=8, max_response_tokens=64, seed=7)
    for seed in (7, 8):
        rollouts = list(pool.rollouts(PROBLEMS[:4], replace(sampling, seed=seed)))
        assert len({tuple(r.response_tokens.tolist()) for r in rollouts}) > 28


def test_what_the_engines_cannot_hold_is_refused(pool: EnginePool) -> None:
    pool.load(WeightHandle(version=1, ref=_weights(_decoder())))
    beyond = replace(SAMPLING, max_response_tokens=MAX_PROMPT + MAX_RESPONSE)
    with pytest.raises(DataError, match="and the engines hold 512"):
        list(pool.rollouts(PROBLEMS, beyond))
    with pytest.raises(ConfigError, match=r"responses of 1,024 tokens do not fit the 1,024 positions"):
        vllm_pool("float32", 1, max_response_tokens=1024)


def test_greedy_and_restricted_sampling(pool: EnginePool) -> None:
    """For evaluation: temperature 0 and top-k 1 take the likeliest token."""
    pool.load(WeightHandle(version=1, ref=_weights(_decoder())))
    greedy = Sampling(temperature=0.0, max_response_tokens=32)
    first = {r.problem_id: r.response_tokens.tolist() for r in pool.rollouts(PROBLEMS, greedy)}
    for other in (replace(greedy, seed=3), Sampling(top_k=1, max_response_tokens=32)):
        for rollout in pool.rollouts(PROBLEMS, other):
            assert rollout.response_tokens.tolist() == first[rollout.problem_id]
            assert rollout.finish in (Finish.STOP, Finish.LENGTH)
