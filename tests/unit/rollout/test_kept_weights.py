"""Published files that stay while the trainer writes the next."""

from __future__ import annotations

from pathlib import Path

from or1.rollout.kept_weights import drop, keep
from or1.types import WeightHandle


def test_one_version_kept_by_two_steps_stays_for_the_second(tmp_path: Path) -> None:
    """A step without an update publishes no other version: dropping the first must not take the second."""
    published = tmp_path / "weights-3.safetensors"
    published.write_bytes(b"weights")
    first, second = (keep(WeightHandle(version=3, ref=published)) for _ in range(2))
    published.unlink()
    drop(first)
    assert isinstance(first.ref, Path)
    assert not first.ref.exists()
    assert isinstance(second.ref, Path)
    assert second.ref.read_bytes() == b"weights"
    drop(second)
    assert list(tmp_path.iterdir()) == []
