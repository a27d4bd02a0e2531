"""A configuration becomes parts: the model, the problems, the verifiers, the engine and the backend by name.

`ENGINES` and `BACKENDS` hold the implementations of rollout and training; `or1.tasks` holds those of tasks
and verifiers.
"""

from or1.assemble.backends import BACKENDS
from or1.assemble.engines import ENGINES
from or1.assemble.generators import local_generator, open_generator
from or1.assemble.inputs import Inputs, inputs_of
from or1.assemble.model import Model, read_model
from or1.assemble.parts import parts_of, train
from or1.assemble.verifiers import evaluation_pool, refuse_weak, training_pool

__all__ = [
    "BACKENDS",
    "ENGINES",
    "Inputs",
    "Model",
    "evaluation_pool",
    "inputs_of",
    "local_generator",
    "open_generator",
    "parts_of",
    "read_model",
    "refuse_weak",
    "train",
    "training_pool",
]
