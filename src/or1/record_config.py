"""Records that a run writes: checkpoints, metrics, rollouts, warnings. Part of `or1.config`."""

from __future__ import annotations

from pydantic import Field

from or1.model_config import Config


class CheckpointConfig(Config):
    every: int = Field(default=20, ge=1)
    """Steps between checkpoints; the last step always has one [steps]. Source: scripts."""
    keep: int = Field(default=2, ge=1)
    """Verified checkpoints kept, newest first [checkpoints]."""


class CollapseConfig(Config):
    """When a warning is given: the entropy falls, and at its rate reaches the floor within the horizon."""

    floor: float = Field(default=0.1, gt=0)
    """Entropy that counts as collapsed [nats/token]; half of the paper's target."""
    window: int = Field(default=10, ge=2)
    """Last steps whose rate of change is used [steps]."""
    horizon: int = Field(default=20, ge=1)
    """Steps that the warning looks ahead [steps]."""


class TrackingConfig(Config):
    console: bool = True
    """Live view in the terminal."""
    tensorboard: bool = True
    """Write TensorBoard event files into the run folder."""
    wandb_project: str | None = None
    """Weights & Biases project; None = off."""
    rollouts_every: int = Field(default=1, ge=1)
    """Write the rollouts of one in this many steps [steps]."""
    rollouts_keep: int | None = Field(default=None, ge=1)
    """Keep the rollout files of this many last written steps [files]; None = all."""
    token_numbers: bool = True
    """Write log-probability and entropy of each token into the rollout files."""
    collapse: CollapseConfig = CollapseConfig()
    """Warning before the entropy collapses, in the console and in metrics.jsonl."""
    fingerprint_tensors: bool = True
    """Hash gradient and weights each step (about 0.1 s per GB, and the copy from a GPU).

    Ids, tokens and rewards are always hashed.
    """
