"""Processes that or1 starts for an engine or a rank: start, messages, failures by name, end."""
