"""What the local backend keeps: weights, moments and counters, through faults, saving and publishing."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from or1.config import LossConfig, OptimizerConfig
from or1.nn.decoder import Decoder
from or1.trainer.local_backend import LocalBackend
from tests.small import OPTIMIZER, SpyForward, make_backend, make_batch, make_decoder, make_stage


def snapshot(backend: LocalBackend, folder: Path) -> dict[str, bytes]:
    """Weights, moments and counters as they would be saved."""
    folder.mkdir()
    backend.save(folder)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("fault", ["loss", "gradient"])
def test_a_nonfinite_minibatch_leaves_no_trace(
    fault: str, dtype: torch.dtype, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    groups, advantages = make_batch(4)
    spy = SpyForward()
    backend, clean = (
        make_backend(make_decoder(dtype=dtype), forward=spy),
        make_backend(make_decoder(dtype=dtype)),
    )
    for each in (backend, clean):
        each.update(groups, advantages, LossConfig(), 0.0, make_stage())
    saved = snapshot(backend, tmp_path / "before")
    spoilt = list(advantages[:2])
    if fault == "loss":
        spoilt[0] = np.full(3, np.nan, dtype=np.float32)
    else:
        spy.spoilt_token = int(groups[0].rollouts[0].prompt_tokens[0])
    with caplog.at_level(logging.WARNING):
        report = backend.update(groups[:2], spoilt, LossConfig(), 0.0, make_stage())
    assert (report.num_updates, report.num_skipped) == (0, 1)
    assert report.nonfinite_rollouts
    assert set(report.nonfinite_rollouts) == {
        f"{r.problem_id}/{r.index}" for g in groups[:2] for r in g.rollouts
    }
    assert groups[0].problem.id in caplog.text
    assert np.isnan(report.loss)
    assert snapshot(backend, tmp_path / "after") == saved
    spy.spoilt_token = None
    for each in (backend, clean):
        each.update(groups, advantages, LossConfig(), 0.0, make_stage())
    assert snapshot(backend, tmp_path / "spoilt") == snapshot(clean, tmp_path / "clean")


def test_only_the_nonfinite_minibatch_is_skipped() -> None:
    groups, advantages = make_batch(4)
    advantages[3] = np.full(3, np.inf, dtype=np.float32)
    report = make_backend().update(groups, advantages, LossConfig(), 0.0, make_stage(num_minibatches=2))
    assert (report.num_updates, report.num_skipped) == (1, 1)
    assert {name.split("/")[0] for name in report.nonfinite_rollouts} == {g.problem.id for g in groups[2:]}
    assert np.isfinite([report.loss, report.entropy, report.grad_norm, report.mismatch_kl]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_loaded_backend_continues_bit_for_bit(dtype: torch.dtype, tmp_path: Path) -> None:
    groups, advantages = make_batch()
    stage, optimizer = make_stage(2, 2), OPTIMIZER.model_copy(update={"warmup_updates": 6})
    backend = make_backend(make_decoder(dtype=dtype), optimizer=optimizer, fingerprint=True)
    backend.update(groups, advantages, LossConfig(), 0.1, stage)
    saved = snapshot(backend, tmp_path / "middle")
    resumed = make_backend(make_decoder(dtype=dtype, seed=5), optimizer=optimizer, fingerprint=True)
    resumed.load(tmp_path / "middle")
    assert snapshot(resumed, tmp_path / "loaded") == saved
    reports = [b.update(groups, advantages, LossConfig(), 0.1, stage) for b in (backend, resumed)]
    assert replace(reports[0], seconds=0.0) == replace(reports[1], seconds=0.0)
    assert snapshot(backend, tmp_path / "a") == snapshot(resumed, tmp_path / "b")


def test_bfloat16_trains_float32_masters() -> None:
    groups, advantages = make_batch()
    decoder = make_decoder(dtype=torch.bfloat16)
    backend = make_backend(decoder)
    backend.update(groups, advantages, LossConfig(), 0.0, make_stage())
    for name, parameter in decoder.named_parameters():
        master = backend.master_weights[name]
        assert master.dtype == torch.float32
        assert torch.equal(parameter, master.bfloat16())
    assert any((w != w.bfloat16()).any() for w in backend.master_weights.values())


def test_published_weights_are_the_trained_tensors() -> None:
    decoder = make_decoder()
    handle = make_backend(decoder).publish(7)
    assert handle.version == 7
    assert isinstance(handle.ref, dict)
    for name, parameter in decoder.named_parameters():
        assert handle.ref[name].data_ptr() == parameter.data_ptr()
        assert not handle.ref[name].requires_grad


def test_without_a_kl_term_no_reference_is_loaded() -> None:
    def load_reference() -> Decoder:
        raise AssertionError("not asked for")

    groups, advantages = make_batch()
    backend = make_backend(load_reference=load_reference)
    assert backend.update(groups, advantages, LossConfig(), 0.0, make_stage()).num_updates == 1


def test_a_kl_term_without_a_reference_is_refused() -> None:
    groups, advantages = make_batch()
    with pytest.raises(ValueError, match="reference"):
        make_backend().update(groups, advantages, LossConfig(kl_coefficient=0.1), 0.0, make_stage())


def test_fingerprints_tell_equal_from_different_steps() -> None:
    groups, advantages = make_batch()
    other = [a.copy() for a in advantages]
    other[0][0] = np.nextafter(other[0][0], np.float32(10.0))
    first, again, changed = (
        make_backend(fingerprint=True).update(groups, a, LossConfig(), 0.0, make_stage()).hashes
        for a in (advantages, advantages, other)
    )
    assert first == again
    assert first.keys() == {"gradient", "weights"}
    assert first["gradient"] != changed["gradient"]


def test_learning_rate_is_reported_through_the_warm_up() -> None:
    # Rate 0.01 over 4 updates; 2 updates a step: the last of each step is at 2/4 and 4/4.
    groups, advantages = make_batch()
    backend = make_backend(optimizer=OptimizerConfig(learning_rate=0.01, warmup_updates=4))
    rates = [
        backend.update(groups, advantages, LossConfig(), 0.0, make_stage(2)).learning_rate for _ in range(2)
    ]
    assert rates == pytest.approx([0.005, 0.01])
