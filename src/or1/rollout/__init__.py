"""Engines that sample rollouts, generators of texts, and the collectors of a step's groups."""
