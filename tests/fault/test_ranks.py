"""Ranks that end, hang or fail: one line that names the rank, and no process left behind."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from or1.config import LossConfig
from or1.errors import CheckpointError, RankError, RunFolderError
from or1.nn.weights import load_decoder
from or1.trainer import rank_processes
from or1.trainer.local_backend import LocalBackend
from or1.trainer.rank_processes import RankProcesses
from tests.forked_processes import ForkedHere
from tests.shared_ranks import (
    OPTIMIZER,
    TOKENS_PER_MICROBATCH,
    backend_over,
    model_files,
    rank_settings,
    start_state,
)
from tests.small import make_batch, make_stage

DRIVER = """
import time
from tests.shared_ranks import rank_settings
from or1.trainer.rank_processes import RankProcesses

if __name__ == "__main__":
    ranks = RankProcesses(rank_settings(), 2)
    print(ranks.scratch, *ranks.pids, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def ranks() -> Iterator[RankProcesses]:
    started = RankProcesses(replace(rank_settings(), limit_s=4.0), 2, ForkedHere(2))
    yield started
    started.close()
    assert not started.scratch.exists()
    for pid in started.pids:
        assert not Path(f"/proc/{pid}").exists()


def update(ranks: RankProcesses) -> None:
    backend_over(ranks, rank_settings()).update(*make_batch(4), LossConfig(), 0.1, make_stage())


def test_a_killed_rank_is_named(ranks: RankProcesses) -> None:
    """The other rank reports a lost connection, and is not the cause."""
    os.kill(ranks.pids[1], signal.SIGKILL)
    with pytest.raises(RankError, match=r"^training rank 1 \(process \d+\) ended with exit status -9"):
        update(ranks)
    with pytest.raises(RankError, match="have ended"):
        update(ranks)


def test_a_hanging_rank_is_named(ranks: RankProcesses) -> None:
    """The other rank waits for it in a collective operation, and is as silent."""
    os.kill(ranks.pids[1], signal.SIGSTOP)
    named = r"^training rank 1 \(process \d+\) gave no sign of life for 4 s"
    late = named + r".*, raise system\.rank_limit_s above 4$"
    with pytest.raises(RankError, match=late):
        update(ranks)


def test_a_rank_without_heartbeats_is_named_long_before_the_limit_of_its_work() -> None:
    silent = RankProcesses(rank_settings(), 2, ForkedHere(2), silence_limit_s=3.0)
    try:
        os.kill(silent.pids[1], signal.SIGSTOP)
        with pytest.raises(RankError, match=r"^training rank 1 \(process \d+\) gave no sign of life for 3 s"):
            update(silent)
    finally:
        silent.close()


def test_a_start_has_at_least_the_time_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """`rank_limit_s` is the remedy for a slow start too."""
    monkeypatch.setattr(rank_processes, "START_LIMIT_S", 1e-4)
    with pytest.raises(
        RankError, match=r"no sign of life.*only slow, raise system\.rank_limit_s above 0\.001$"
    ):
        RankProcesses(replace(rank_settings(), limit_s=1e-3), 2, ForkedHere(2))
    RankProcesses(rank_settings(), 2, ForkedHere(2)).close()


def test_an_error_for_the_user_is_passed_on(ranks: RankProcesses, tmp_path: Path) -> None:
    """Rank 0 cannot write while the others have nothing to write."""
    with pytest.raises(RunFolderError, match="has vanished"):
        ranks.call("publish", [tmp_path / "nowhere" / "weights.safetensors"] * 2)


def test_files_of_another_model_are_refused(ranks: RankProcesses, tmp_path: Path) -> None:
    for file in start_state().iterdir():
        content = file.read_bytes()
        (tmp_path / file.name).write_bytes(content.replace(b"model.norm.weight", b"model.form.weight"))
    with pytest.raises(CheckpointError, match=re.escape("model.norm.weight")):
        backend_over(ranks, rank_settings()).load(tmp_path)


def test_eight_bit_moments_are_refused_with_a_remedy(ranks: RankProcesses, tmp_path: Path) -> None:
    local = LocalBackend(
        load_decoder(model_files(), dtype=torch.float32),
        OPTIMIZER,
        temperature=1.0,
        tokens_per_microbatch=TOKENS_PER_MICROBATCH,
        optimizer_bits=8,
    )
    local.update(*make_batch(3), LossConfig(), 0.1, make_stage())
    local.save(tmp_path)
    with pytest.raises(CheckpointError, match=r"moments of 8 bits, .* system\.optimizer_bits = 32"):
        backend_over(ranks, rank_settings()).load(tmp_path)


def test_a_rank_that_cannot_write_says_why(ranks: RankProcesses, tmp_path: Path) -> None:
    """Rank 1 may write no more than 4 KiB into a file, as on a full disk."""
    resource.prlimit(ranks.pids[1], resource.RLIMIT_FSIZE, (4096, 4096))
    ranks.begin_save(tmp_path)
    with pytest.raises(OSError, match=r"^\[Errno \d+\] training rank \d: OSError: ") as failure:
        ranks.wait_saved()
    assert failure.value.errno == errno.EFBIG
    assert len(str(failure.value).splitlines()) == 1


def test_a_rank_that_ends_while_it_writes_is_named(ranks: RankProcesses) -> None:
    """By the call at hand, which the wait for the files does not cover up."""
    os.kill(ranks.pids[1], signal.SIGSTOP)  # it writes nothing
    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(ranks.wait_saved)
        os.kill(ranks.pids[1], signal.SIGKILL)
        with pytest.raises(RankError, match="ended with exit status -9") as failure:
            update(ranks)
        assert saving.exception() is failure.value


def test_a_rank_that_ended_without_a_call_is_named(
    ranks: RankProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_processes, "GRACE_S", 0.0)
    os.kill(ranks.pids[1], signal.SIGKILL)
    with pytest.raises(RankError, match=r"^training rank 1 \(process \d+\) ended with exit status -9"):
        ranks.wait_saved()


def test_ranks_end_with_their_driver() -> None:
    """No process and no file in memory is left when the driver is killed."""
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    scratch, *pids = driver.stdout.readline().split()
    assert len(pids) == 2
    driver.kill()
    driver.wait()
    driver.stdout.close()
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids) or Path(scratch).exists():
        time.sleep(0.1)  # pytest's time limit ends it
