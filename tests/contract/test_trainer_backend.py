"""What every TrainerBackend promises, over the counting one and the one that trains."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from or1.algo import advantages, split_by_signal
from or1.config import LossConfig, OptimizerConfig, StageConfig
from or1.errors import Interrupted
from or1.models import model_folder
from or1.nn.load import load_model, read_shape
from or1.nn.weights import load_decoder
from or1.protocols import Stoppable, TrainerBackend
from or1.testing import CountingBackend, make_group, make_problem
from or1.trainer.local_backend import LocalBackend
from or1.types import UpdateReport
from tests.shared_ranks import fresh_backend

LOSS = LossConfig()
GROUPS = [
    make_group((1.0, 0.0, 0.0), problem=make_problem(n), num_tokens=(2 + n, 5, 3), truncated={1})
    for n in range(3)
]


def _stage(num_minibatches: int = 1, num_reuses: int = 1) -> StageConfig:
    return StageConfig(
        max_response_tokens=8,
        num_steps=1,
        num_problems=4,
        group_size=3,
        num_minibatches=num_minibatches,
        num_reuses=num_reuses,
    )


def _counting() -> TrainerBackend:
    return CountingBackend()


def _local() -> TrainerBackend:
    decoder = load_decoder(model_folder("builtin:tiny"), dtype=torch.float32)
    return LocalBackend(
        decoder, OptimizerConfig(learning_rate=1e-4), temperature=1.0, tokens_per_microbatch=64
    )


def _transformers() -> TrainerBackend:
    folder = Path(model_folder("builtin:tiny"))
    model = load_model(folder, read_shape(folder, "transformers"), dtype=torch.float32)
    return LocalBackend(model, OptimizerConfig(learning_rate=1e-4), temperature=1.0, tokens_per_microbatch=64)


MAKERS: dict[str, Callable[[], TrainerBackend]] = {
    "counting": _counting,
    "local": _local,
    "transformers": _transformers,
}


def _fsdp(num_ranks: int) -> Callable[[], TrainerBackend]:
    """Two backends in turn, each over ranks of its own: no test needs a third at once."""
    numbers = itertools.cycle((0, 1))
    return lambda: fresh_backend(num_ranks, number=next(numbers))


@pytest.fixture(params=[*MAKERS, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4))])
def make(request: pytest.FixtureRequest) -> Callable[[], TrainerBackend]:
    return MAKERS[request.param] if isinstance(request.param, str) else _fsdp(request.param)


def _update(backend: TrainerBackend, stage: StageConfig, alpha: float = 0.01) -> UpdateReport:
    kept, _ = split_by_signal(GROUPS, LOSS)
    return backend.update(kept, advantages(kept, LOSS), LOSS, alpha, stage)


def _weights(backend: TrainerBackend) -> str:
    """Fingerprint of the published weights."""
    ref = backend.publish(0).ref
    if isinstance(ref, Path):
        ref = load_file(ref)
    if not isinstance(ref, Mapping):
        return str(ref)
    digest = hashlib.sha256()
    for name in sorted(ref):
        digest.update(name.encode() + ref[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize(("num_minibatches", "num_reuses"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_an_update_takes_the_updates_that_the_stage_plans(
    make: Callable[[], TrainerBackend], num_minibatches: int, num_reuses: int
) -> None:
    report = _update(make(), _stage(num_minibatches, num_reuses))
    assert (report.num_updates, report.num_skipped) == (num_minibatches * num_reuses, 0)
    assert report.num_tokens == sum(len(r.response_tokens) for g in GROUPS for r in g.rollouts)
    assert report.nonfinite_rollouts == ()


def test_weights_move_and_the_same_history_gives_the_same_weights(make: Callable[[], TrainerBackend]) -> None:
    one, two = make(), make()
    start = _weights(one)
    assert _weights(two) == start
    for backend in (one, two):
        _update(backend, _stage())
    assert _weights(one) == _weights(two) != start
    _update(one, _stage())
    assert _weights(one) != _weights(two)


@pytest.mark.parametrize("call", [1, 2])
def test_a_stopped_update_leaves_the_weights(call: int) -> None:
    """`check` may end an update between microbatches, and is not called once a weight has changed."""
    backend = _local()
    assert isinstance(backend, Stoppable)
    start, num_checks = _weights(backend), 0

    def check() -> None:
        nonlocal num_checks
        num_checks += 1
        assert _weights(backend) == start
        if num_checks == call:
            raise Interrupted("leave")

    backend.check_with(check)
    with pytest.raises(Interrupted):
        _update(backend, _stage(1, 2))
    assert _weights(backend) == start
    num_checks = 10
    _update(backend, _stage(3, 1))
    after, other = _weights(backend), _local()
    _update(other, _stage(3, 1))
    assert after == _weights(other) != start


def test_the_entropy_bonus_matters(make: Callable[[], TrainerBackend]) -> None:
    one, two = make(), make()
    _update(one, _stage(), alpha=0.0)
    _update(two, _stage(), alpha=0.5)
    assert _weights(one) != _weights(two)


def test_a_saved_backend_continues_bit_for_bit(make: Callable[[], TrainerBackend], tmp_path: Path) -> None:
    never_stopped = make()
    _update(never_stopped, _stage())
    never_stopped.save(tmp_path)
    resumed = make()
    # a state of its own that loading must wipe out, optimizer included
    _update(resumed, _stage(2), alpha=0.3)
    resumed.load(tmp_path)
    assert _weights(resumed) == _weights(never_stopped)
    for _ in range(2):
        _update(never_stopped, _stage(2, 2))
        _update(resumed, _stage(2, 2))
        assert _weights(resumed) == _weights(never_stopped)


def test_saving_changes_nothing(make: Callable[[], TrainerBackend], tmp_path: Path) -> None:
    one, two = make(), make()
    one.save(tmp_path)
    for backend in (one, two):
        _update(backend, _stage())
    assert _weights(one) == _weights(two)


def test_published_weights_carry_their_version(make: Callable[[], TrainerBackend]) -> None:
    backend = make()
    assert [backend.publish(v).version for v in (0, 3)] == [0, 3]


def test_nothing_to_train_on_is_refused(make: Callable[[], TrainerBackend]) -> None:
    with pytest.raises(ValueError, match="group"):
        make().update([], [], LOSS, 0.0, _stage())


def test_counting_backend_can_be_told_to_fail() -> None:
    backend = CountingBackend(nonfinite_calls={1})
    reports = [_update(backend, _stage(2)) for _ in range(3)]
    assert [(r.num_updates, r.num_skipped) for r in reports] == [(2, 0), (0, 2), (2, 0)]
    assert reports[1].hashes == reports[0].hashes != reports[2].hashes
    assert len(reports[1].nonfinite_rollouts) == 9
    assert backend.num_updates == 4
