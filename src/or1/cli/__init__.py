"""The command line. Importing it is cheap: every command imports what it needs when it runs."""

from or1.cli.app import app, dispatch, main

__all__ = ["app", "dispatch", "main"]
