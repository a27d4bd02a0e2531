"""What is asked: problems with checkable answers."""
