"""All errors, with the exit codes of the command line.

Or1Error                     one line for the user: the thing, the value, a remedy
├── ConfigError              unknown recipe or key, bad value, bad combination        exit 2
├── DataError                a problem file or a row of it                            exit 2
├── ModelError               model folder missing, architecture not supported         exit 2
├── RunFolderError           folder in use, belongs to another run, disk full         exit 2
├── CheckpointError          a checkpoint is damaged and no older one can serve       exit 2
├── EndpointError            a model server refuses requests, or is unreachable       exit 2
├── ClusterError             the cluster is unreachable, or one of its machines fails exit 2
├── OutOfMemoryError         a run or an evaluation needs more memory than is free      exit 2
├── SandboxError             the sandbox itself failed, or this machine allows none   exit 2
├── RunStopped               training cannot continue; the last checkpoint is whole   exit 3
│   ├── EngineError          a rollout engine ended, hangs, or samples from other weights
│   ├── RankError            a process of the trainer ended, hangs or failed
│   ├── NonFiniteError       max_nonfinite_steps updates in a row were not finite
│   │   └── DivergedError    an update left weights that give no finite log-probabilities
│   └── StarvedError         nothing to train on: see max_empty_steps
└── Interrupted              SIGTERM, SIGINT or SIGHUP; state is saved                exit 130
"""

import shlex
from pathlib import Path

from or1_verify.errors import DataError, Or1Error, RunStopped, SandboxError

__all__ = [
    "CheckpointError",
    "ClusterError",
    "ConfigError",
    "DataError",
    "DivergedError",
    "EndpointError",
    "EngineError",
    "Interrupted",
    "ModelError",
    "NonFiniteError",
    "Or1Error",
    "OutOfMemoryError",
    "RankError",
    "RunFolderError",
    "RunStopped",
    "SandboxError",
    "StarvedError",
    "first_line",
    "install_command",
]
SOURCES = Path(__file__).resolve().parents[2]


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its type where it has none: for errors of one
    line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def install_command(extra: str = "", sources: Path = SOURCES) -> str:
    """The command that installs a part of or1, for an error message.

    From its sources, with the versions that or1 was tested with.

    Args:
        extra: name of the extra, or several joined by a comma; none = or1 itself.
        sources: folder that holds `constraints.txt` where or1 runs from its sources.

    >>> install_command("lora", Path("/nowhere"))
    "pip install 'or1[lora]'"
    """
    part, constraints = f"[{extra}]" if extra else "", sources / "constraints.txt"
    if constraints.is_file():
        return shlex.join(["pip", "install", "-c", str(constraints), "-e", f"{sources}{part}"])
    return shlex.join(["pip", "install", f"or1{part}"])


class ConfigError(Or1Error):
    """A setting is wrong: the message names the key, the value and a remedy."""


class ModelError(Or1Error):
    """A model folder is missing or incomplete, or its architecture is not supported."""


class RunFolderError(Or1Error):
    """The run folder is in use, belongs to another configuration, or cannot be written."""


class CheckpointError(Or1Error):
    """Checkpoints exist but none of them is whole."""


class EndpointError(Or1Error):
    """A model server refuses a request or cannot be reached; the message names its url and model."""


class ClusterError(Or1Error):
    """The cluster cannot be reached or was lost, or a machine of it lacks what its work needs."""


class OutOfMemoryError(Or1Error):
    """Memory cannot be allocated; the message has the estimate, what is free and settings to lower."""


class EngineError(RunStopped):
    """A rollout engine ended, gave no sign of life in time, or samples from other weights than published."""


class RankError(RunStopped):
    """A rank of the trainer ended, gave no sign of life in time, or failed."""


class NonFiniteError(RunStopped):
    """`max_nonfinite_steps` updates in a row had a loss or gradient that is not finite."""


class DivergedError(NonFiniteError):
    """No rollout of a step has finite log-probabilities: the update before it destroyed the weights."""

    def __init__(self, message: str, *, step: int) -> None:
        """
        Args:
            message: one line.
            step: first step that sampled from these weights.
        """
        super().__init__(message)
        self.step = step


class StarvedError(RunStopped):
    """`max_empty_steps` steps in a row without a group to train on, or too few unsolved problems."""


class Interrupted(Or1Error):
    """The run was stopped by a signal; its state is saved and the same command resumes it."""

    exit_code = 130
