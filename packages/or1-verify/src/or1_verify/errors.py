"""Errors raised on purpose. The text of each is one line for the user."""


class Or1Error(Exception):
    """Base of every error that or1 raises on purpose. Its text is one line for the user."""

    exit_code = 2


class DataError(Or1Error):
    """A problem file is missing, unreadable, or a row of it cannot be used."""


class SandboxError(Or1Error):
    """The sandbox failed, not the program in it; or the machine does not allow the level asked for."""


class RunStopped(Or1Error):
    """Training cannot continue. The last checkpoint is complete."""

    exit_code = 3
