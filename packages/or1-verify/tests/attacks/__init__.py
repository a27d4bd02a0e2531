"""Programs that try to get out, to forge, to starve or to stay; and what must come of each.

Nothing here needs pytest, so that the same attacks can be run by another user with another interpreter.
"""
