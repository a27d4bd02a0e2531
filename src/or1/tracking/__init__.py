"""The run folder and everything one sees of a run. JSON lines are the truth, the rest are views."""
