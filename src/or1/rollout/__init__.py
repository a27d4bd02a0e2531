"""Sampling: engines that turn problems into rollouts."""
