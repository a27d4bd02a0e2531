"""What can go wrong, and what the command line makes of it.

Or1Error                     one line for the user: what, which value, what to do
├── ConfigError              unknown recipe or key, bad value, bad combination          exit 2
├── DataError                a problem file or a row of it                              exit 2
├── ModelError               model folder missing, architecture not supported           exit 2
├── RunFolderError           folder in use, belongs to another run, disk full           exit 2
├── CheckpointError          a checkpoint is damaged and no older one can serve         exit 2
├── EndpointError            a model server refuses, or is away for too long             exit 2
├── ClusterError             the cluster is away, or a machine of it cannot do its part  exit 2
├── SandboxError             the sandbox itself failed, or this machine allows none     exit 2
├── RunStopped               training cannot go on; the last checkpoint is whole        exit 3
│   ├── NonFiniteError       three updates in a row were not finite
│   └── StarvedError         K steps in a row had no group with a signal
└── Interrupted              SIGTERM or SIGINT; state is saved                          exit 130
"""


class Or1Error(Exception):
    """Base of every error that or1 raises on purpose. Its text is one line for the user."""

    exit_code = 2


class ConfigError(Or1Error):
    """The run as described cannot be: the message names the key, the value and the remedy."""


class DataError(Or1Error):
    """A problem file is missing, unreadable, or a row of it cannot be used."""


class ModelError(Or1Error):
    """A model folder is missing or incomplete, or its architecture is not supported."""


class RunFolderError(Or1Error):
    """The run folder is in use, belongs to another configuration, or cannot be written."""


class CheckpointError(Or1Error):
    """Checkpoints exist but none of them is whole."""


class EndpointError(Or1Error):
    """A model server refuses what is asked, or cannot be reached; the message names its url and model."""


class ClusterError(Or1Error):
    """The cluster cannot be reached or was lost, or a machine of it lacks what its work needs."""


class SandboxError(Or1Error):
    """The sandbox failed, not the program in it; or the machine does not allow the level asked for."""


class RunStopped(Or1Error):
    """Training cannot usefully go on. Everything up to the last checkpoint is kept."""

    exit_code = 3


class NonFiniteError(RunStopped):
    """Three updates in a row had a loss or gradient that is not finite."""


class StarvedError(RunStopped):
    """Too many steps in a row in which no group had a signal."""


class Interrupted(Or1Error):
    """A signal asked the run to leave; its state is saved and the same command resumes it."""

    exit_code = 130
