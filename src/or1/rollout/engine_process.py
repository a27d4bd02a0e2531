"""One engine process, seen from the pool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from or1.errors import EngineError
from or1.processes.child import ChildProcess
from or1.processes.launch import Launch
from or1.rollout.engine_messages import REPLIES, Failed, FromEngine, Start, ToEngine


class EngineProcess(ChildProcess):
    """A running engine process.

    Args:
        name: in errors.
        start: the engine to build.
        environment: variables of the process, beside those of this one.
        log: file for all that the process prints.
        launch: starts it; None = on this machine.
    """

    def __init__(
        self,
        name: str,
        start: Start,
        environment: Mapping[str, str],
        log: Path,
        launch: Launch | None = None,
    ) -> None:
        worker = "or1.rollout.engine_worker"
        super().__init__(name, worker, environment, log, error=EngineError, replies=REPLIES, launch=launch)
        self.send(start)

    def send(self, message: Start | ToEngine) -> None:  # type: ignore[override]
        """Send a message; EngineError if the process has ended."""
        super().send(message)

    def receive(self) -> FromEngine:
        """The next message, which must have come; EngineError if the engine failed or the process ended."""
        message: FromEngine = super().receive()
        if isinstance(message, Failed):
            raise self.failed(message.reason)
        return message
