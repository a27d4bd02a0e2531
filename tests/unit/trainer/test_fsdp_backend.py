"""Ranks beside the backend of one process: gradients, updates, published weights and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xxhash
from safetensors.torch import load_file
from torch import Tensor

from or1.config import LossConfig
from or1.errors import Interrupted
from or1.nn.config import DecoderConfig
from or1.nn.load import load_model, read_shape
from or1.nn.published import read_published
from or1.protocols import TrainerBackend
from or1.trainer.fsdp_backend import FsdpBackend
from or1.trainer.local_backend import LocalBackend
from or1.trainer.optimizer import digest
from or1.trainer.packing import pack_arrays, trained_rollouts
from or1.trainer.state_files import is_weight, read_whole, write_counters
from or1.types import UpdateReport
from tests.shared_ranks import (
    OPTIMIZER,
    TOKENS_PER_MICROBATCH,
    fresh_backend,
    local_backend,
    model_files,
    rank_settings,
)
from tests.small import make_batch, make_stage

NUM_RANKS = [1, 2, pytest.param(4, marks=pytest.mark.slow)]
EVEN_SEED = 2
"""Of a batch that packs into an even number of microbatches."""
TERMS = {
    "policy": (LossConfig(), 0.0),
    "policy, sequence mean, importance weights": (LossConfig(average="sequence", importance_cap=1.5), 0.0),
    "policy, ratio to the behavior policy": (LossConfig(ratio_to="behavior"), 0.0),
    "entropy": (LossConfig(), 0.7),
    "kl k3, entropy": (LossConfig(kl_coefficient=0.5), 0.3),
}


def files_of(backend: TrainerBackend, folder: Path) -> dict[str, Tensor]:
    """Whole weights and moments that the backend saves into a new folder."""
    folder.mkdir()
    backend.save(folder)
    weights, moments = read_whole(folder)
    return weights | moments


def gradient_of(files: Mapping[str, Tensor]) -> Tensor:
    """The gradient of the first update, but for a factor."""
    names = sorted(name for name in files if name.startswith("exp_avg."))
    return torch.cat([files[name].double().flatten() for name in names])


def moved_state(folder: Path) -> Path:
    """Weights that are not those of the reference, and no optimizer state."""
    backend = local_backend()
    weights = {
        name: weight * (1.0 + 0.05 * torch.sin(torch.arange(weight.numel())).view_as(weight))
        for name, weight in backend.master_weights.items()
    }
    backend.start_from(weights)
    folder.mkdir()
    backend.save(folder)
    return folder


def relative_difference(one: Tensor, two: Tensor) -> float:
    """Norm of the difference over norm."""
    return float((one - two).norm() / two.norm())


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize(
    ("num_ranks", "context_parallel"),
    [(1, 1), (2, 1), (2, 2), *(pytest.param(4, p, marks=pytest.mark.slow) for p in (1, 2, 4))],
)
def test_gradients_are_those_of_one_process(
    term: str, num_ranks: int, context_parallel: int, tmp_path: Path
) -> None:
    """A gradient that is averaged over ranks is off by 1/2 and more, a stand-in that counts by as much."""
    loss, alpha = TERMS[term]
    start = moved_state(tmp_path / "start")
    settings = rank_settings(context_parallel=context_parallel)
    ranks, local = fresh_backend(num_ranks, settings), local_backend()
    batch = make_batch(5)
    reports = []
    for backend in (ranks, local):
        backend.load(start)
        reports.append(backend.update(*batch, loss, alpha, make_stage()))
    gradients = [gradient_of(files_of(b, tmp_path / n)) for b, n in ((ranks, "ranks"), (local, "local"))]
    assert relative_difference(*gradients) < 1e-6
    assert_same_report(*reports)


def assert_same_report(one: UpdateReport, two: UpdateReport) -> None:
    """Equal but for rounding; prompts are shared elsewhere, so the tokens of the forward passes differ."""
    numbers = [
        {name: value for name, value in vars_of(report).items() if isinstance(value, float | int)}
        for report in (one, two)
    ]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-5, abs=1e-6)
    assert (one.nonfinite_rollouts, one.hashes) == (two.nonfinite_rollouts, two.hashes)


def vars_of(report: UpdateReport) -> dict[str, object]:
    named = {f.name: getattr(report, f.name) for f in fields(report)}
    return {name: value for name, value in named.items() if name not in ("seconds", "num_sequence_tokens")}


@pytest.mark.parametrize("num_groups", [1, 3])
def test_ranks_without_a_microbatch_add_nothing(num_groups: int, tmp_path: Path) -> None:
    """One rollout is one microbatch: the other rank computes it too, and must not count it."""
    groups, advantages = make_batch(num_groups, seed=3)
    one = [replace(group, rollouts=group.rollouts[:1]) for group in groups]
    batch = one, [a[:1] for a in advantages]
    ranks, local = fresh_backend(2), local_backend()
    reports = [b.update(*batch, LossConfig(), 0.5, make_stage()) for b in (ranks, local)]
    assert_same_report(*reports)
    gradients = [gradient_of(files_of(b, tmp_path / n)) for b, n in ((ranks, "ranks"), (local, "local"))]
    assert relative_difference(*gradients) < 1e-6


def test_bfloat16_is_bfloat16_of_one_process(tmp_path: Path) -> None:
    """Float32 sums of gradients that bfloat16 passes gave; a gradient summed in bfloat16 is off by 1e-3."""
    batch = make_batch(5, seed=EVEN_SEED)
    packed = [
        pack_arrays(
            trained_rollouts(*batch), TOKENS_PER_MICROBATCH, LossConfig(), share_prompts=True, multiple=n
        )
        for n in (1, 2)
    ]
    assert [m.lengths for m in packed[0]] == [m.lengths for m in packed[1]]  # or bfloat16 rounds elsewhere
    ranks, local = fresh_backend(2, rank_settings(torch.bfloat16)), local_backend(torch.bfloat16)
    gradients = []
    for backend, name in ((ranks, "ranks"), (local, "local")):
        backend.update(*batch, LossConfig(), 0.3, make_stage())
        gradients.append(gradient_of(files_of(backend, tmp_path / name)))
    assert relative_difference(*gradients) < 1e-6


def test_settings_of_memory_change_nothing_and_fingerprints_are_of_whole_tensors(tmp_path: Path) -> None:
    """A hash of one rank's shards differs from that of the whole weights."""
    settings = replace(
        rank_settings(), recompute=True, offload=True, sum_gradients_once=True, fingerprint=True
    )
    ranks, local = fresh_backend(2, settings), local_backend()
    batch = make_batch(5)
    report = ranks.update(*batch, LossConfig(), 0.3, make_stage())
    local.update(*batch, LossConfig(), 0.3, make_stage())
    files = files_of(ranks, tmp_path / "ranks")
    gradients = gradient_of(files), gradient_of(files_of(local, tmp_path / "local"))
    assert relative_difference(*gradients) < 1e-6
    hasher = xxhash.xxh3_128()
    digest({name: tensor for name, tensor in files.items() if is_weight(name)}, hasher)
    assert report.hashes["weights"] == hasher.hexdigest()
    assert report.hashes["gradient"] != report.hashes["weights"]


def test_an_update_that_is_not_finite_is_skipped_on_all_ranks(tmp_path: Path) -> None:
    """The spoilt rollout is on one rank only: a rank that applied its own share would leave the others."""
    groups, advantages = make_batch(4)
    spoilt = [a.copy() for a in advantages]
    spoilt[0][0] = np.nan
    backend = fresh_backend(2)
    before = files_of(backend, tmp_path / "before")
    report = backend.update(groups, spoilt, LossConfig(), 0.1, make_stage())
    assert (report.num_updates, report.num_skipped, len(report.nonfinite_rollouts)) == (0, 1, 12)
    after = files_of(backend, tmp_path / "after")
    assert all(torch.equal(after[name], before[name]) for name in before)
    report = backend.update(groups, spoilt, LossConfig(), 0.1, make_stage(num_minibatches=4))
    assert (report.num_updates, report.num_skipped, len(report.nonfinite_rollouts)) == (3, 1, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_published_weights_are_the_rounded_masters(dtype: torch.dtype, tmp_path: Path) -> None:
    backend = fresh_backend(2, rank_settings(dtype))
    backend.update(*make_batch(3), LossConfig(), 0.1, make_stage())
    path = backend.publish(7).ref
    assert isinstance(path, Path)
    shape = rank_settings().shape
    assert isinstance(shape, DecoderConfig)
    published, files = read_published(path, shape), files_of(backend, tmp_path / "files")
    for name, tensor in published.items():
        assert tensor.dtype == dtype
        assert torch.equal(tensor, files[name].to(dtype))
    assert "lm_head.weight" in load_file(path)
    assert backend.publish(8).ref != path
    assert not path.exists()


@pytest.mark.parametrize("num_ranks", NUM_RANKS)
def test_files_of_two_ranks_are_read_by_any_number(num_ranks: int, tmp_path: Path) -> None:
    two, local = fresh_backend(2), local_backend()
    two.update(*make_batch(3), LossConfig(), 0.1, make_stage(2))
    saved = files_of(two, tmp_path / "two")
    assert len(list((tmp_path / "two").glob("shard-*.safetensors"))) == 2
    other = fresh_backend(num_ranks)
    for backend, name in ((other, "other"), (local, "local")):
        backend.load(tmp_path / "two")
        again = files_of(backend, tmp_path / name)
        assert again.keys() == saved.keys()
        assert all(torch.equal(again[name], saved[name]) for name in saved)


def test_training_continues_while_a_checkpoint_is_written(tmp_path: Path) -> None:
    """The files hold the state of the call: a writer that reads the live shards would save a later one."""
    backend = fresh_backend(2)
    backend.update(*make_batch(3), LossConfig(), 0.1, make_stage())
    expected = files_of(backend, tmp_path / "expected")
    (tmp_path / "beside").mkdir()
    wait = backend.begin_save(tmp_path / "beside")
    backend.update(*make_batch(3), LossConfig(), 0.1, make_stage(2))
    wait()
    weights, moments = read_whole(tmp_path / "beside")
    found = weights | moments
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


class NoRanks:
    """`Ranks` that do nothing."""

    num_ranks = 2
    scratch = Path()

    def call(self, method: str, arguments: Sequence[Any], check: object = None) -> list[Any]:
        return [None] * len(arguments)

    def fetch(self, path: Path) -> None: ...
    def begin_save(self, folder: Path) -> None: ...
    def wait_saved(self) -> None: ...
    def close(self) -> None: ...


def test_moments_of_a_checkpoint_are_there_after_a_resume(tmp_path: Path) -> None:
    """AdamW's two float32 moments of each of the weights, half of them on each of two ranks."""
    backend = FsdpBackend(
        NoRanks(), rank_settings().shape, tokens_per_microbatch=TOKENS_PER_MICROBATCH, share_prompts=True
    )
    to_come = 8 * sum(w.numel() for w in local_backend().master_weights.values()) // 2
    for num_updates, expected in ((0, to_come), (3, 0)):
        write_counters(tmp_path, num_updates)
        backend.load(tmp_path)
        assert backend.bytes_to_come() == pytest.approx(expected, rel=0.01)  # biases are left out


def test_files_of_one_process_are_read_by_ranks(tmp_path: Path) -> None:
    local, ranks = local_backend(), fresh_backend(2)
    local.update(*make_batch(3), LossConfig(), 0.1, make_stage(2))
    saved = files_of(local, tmp_path / "local")
    ranks.load(tmp_path / "local")
    again = files_of(ranks, tmp_path / "ranks")
    assert again.keys() == saved.keys()
    assert all(torch.equal(again[name], saved[name]) for name in saved)
    reports = [b.update(*make_batch(3), LossConfig(), 0.1, make_stage()) for b in (ranks, local)]
    assert_same_report(*reports)


@pytest.mark.parametrize("call", [1, 2])
def test_a_stopped_update_leaves_the_weights(call: int, tmp_path: Path) -> None:
    backend = fresh_backend(2)
    before = files_of(backend, tmp_path / "before")
    num_checks = 0

    def check() -> None:
        nonlocal num_checks
        num_checks += 1
        if num_checks == call:
            raise Interrupted("leave")

    backend.check_with(check)
    try:
        with pytest.raises(Interrupted):
            backend.update(*make_batch(8), LossConfig(), 0.1, make_stage(1, 2))
    finally:
        backend.check_with(lambda: None)
    after = files_of(backend, tmp_path / "after")
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert backend.update(*make_batch(3), LossConfig(), 0.1, make_stage()).num_updates == 1


def test_the_layers_of_transformers_train_on_ranks(tmp_path: Path) -> None:
    """Published by the names of the implementation, which the engine of the same model takes."""
    shape = read_shape(model_files(), "transformers")
    settings = replace(rank_settings(), shape=shape)
    ranks = fresh_backend(2, settings, start=False)
    local = LocalBackend(
        load_model(model_files(), shape, dtype=torch.float32),
        OPTIMIZER,
        temperature=1.0,
        tokens_per_microbatch=TOKENS_PER_MICROBATCH,
    )
    batch = make_batch(5)
    for backend in (ranks, local):
        backend.update(*batch, LossConfig(), 0.3, make_stage())
    files = files_of(ranks, tmp_path / "ranks")
    gradients = gradient_of(files), gradient_of(files_of(local, tmp_path / "local"))
    assert relative_difference(*gradients) < 1e-6
    published, expected = ranks.publish(1).ref, local.publish(1).ref
    assert isinstance(published, Mapping)
    assert isinstance(expected, Mapping)
    assert published.keys() == expected.keys()
    assert all(torch.equal(published[name], files[name]) for name in published)
