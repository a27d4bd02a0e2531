"""Logs of a run: metrics, rollouts and fingerprints in its folder, and views of them."""
