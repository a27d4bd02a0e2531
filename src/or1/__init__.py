"""or1: reinforcement learning with verifiable rewards for reasoning models."""

from or1_verify import __version__ as __version__
