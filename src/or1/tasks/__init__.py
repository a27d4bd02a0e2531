"""Tasks: problems with checkable answers."""
