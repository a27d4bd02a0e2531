"""or1: reinforcement learning with verifiable rewards for reasoning models."""

__version__ = "0.1.0"
