"""Published weights in a file: one safetensors file, names of Hugging Face, the head always written out.

The head of a tied model is in the file a second time, as `lm_head.weight`. An engine with an untied copy of
the model can then take the whole file: engines may keep the head in a form of their own, which an update of
the embedding alone would leave as it was.
"""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from or1.errors import ModelError
from or1.nn.causal_model import CausalModel
from or1.nn.config import DecoderConfig
from or1.nn.weights import filled_decoder, huggingface_state, tensors_of_file
from or1.storage.atomic import guard_writes, replacing

HEAD = "lm_head.weight"
EMBEDDING = "model.embed_tokens.weight"


def file_name(number: int | str) -> str:
    """The name of a published file by its number; `*` gives the pattern of all."""
    return f"weights-{number}.safetensors"


def write_published(config: DecoderConfig, state: Mapping[str, Tensor], path: Path) -> int:
    """Write weights for engines, in the type that they have; a reader sees the old file or the new one.

    Args:
        config: the decoder's.
        state: parameter name -> tensor, as `Decoder.named_parameters` gives them, on any device.
        path: the file; its folder exists. It is not flushed to disk: it lives as long as the run.

    Returns:
        Size of the file [bytes].

    Raises:
        RunFolderError: the file cannot be written.
    """
    return write_parts(published_parts(config, state), path)


def published_parts(config: DecoderConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a published file: names of Hugging Face, and the head as a tensor of its own."""
    return with_head(huggingface_state(config, state))


def with_head(parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with the head of a tied model a second time, where it has none."""
    head = {} if HEAD in parts or EMBEDDING not in parts else {HEAD: parts[EMBEDDING].clone()}
    return {**parts, **head}


def write_parts(parts: Mapping[str, Tensor], path: Path) -> int:
    """Write tensors of any model under its names of Hugging Face; else as `write_published`."""
    parts = {name: tensor.detach().cpu().contiguous() for name, tensor in parts.items()}
    with guard_writes(path), safetensor_errors(), replacing(path, durable=False) as part:
        save_file(parts, part, metadata={"format": "pt"})
    return path.stat().st_size


def read_published(path: Path, config: DecoderConfig) -> dict[str, Tensor]:
    """The weights of a published file under the names of the decoder, in the type of the file, on the CPU.

    Raises:
        ModelError: no file, damaged, or a tensor is missing or has another shape.
    """
    if not path.is_file():
        raise ModelError(f"no published weights at {path}")
    tensors = dict(tensors_of_file(path))
    if EMBEDDING not in tensors:
        raise ModelError(f"{path} holds no tensor {EMBEDDING}")
    decoder = filled_decoder(config, tensors.items(), path, dtype=tensors[EMBEDDING].dtype)
    return {name: parameter.detach() for name, parameter in decoder.named_parameters()}


def load_published(model: CausalModel, ref: object) -> None:
    """Give a model published weights: shared where type and device agree, else converted.

    Args:
        model: of any weights, also without memory for them.
        ref: a mapping parameter name -> tensor, or the path of a published file.

    Raises:
        ModelError: it is neither, or lacks a tensor, or one has another shape.
    """
    if isinstance(ref, Path):
        config = model.config
        if not isinstance(config, DecoderConfig):
            raise ModelError(f"{config.architecture} takes published weights by name, not from a file")
        ref = read_published(ref, config)
    if not isinstance(ref, Mapping):
        raise ModelError(
            f"engines take weights by name or the path of a published file, not {type(ref).__name__}"
        )
    for name, parameter in model.named_parameters():
        if name not in ref:
            raise ModelError(f"published weights have no {name}")
        tensor = ref[name].detach()
        if tensor.shape != parameter.shape:
            raise ModelError(f"published {name} has shape {list(tensor.shape)}, not {list(parameter.shape)}")
        parameter.data = tensor.to(device=parameter.device, dtype=parameter.dtype)


@contextlib.contextmanager
def safetensor_errors() -> Iterator[None]:
    """Turn the safetensors error of a failed write back into an OSError."""
    try:
        yield
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error
