"""Model folders in Hugging Face format: read into a decoder, written from one.

Only safetensors are read; nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from or1.errors import ModelError, first_line
from or1.nn.config import DecoderConfig, read_config, read_json
from or1.nn.decoder import Decoder
from or1.nn.dtypes import dtype_name
from or1.nn.kernels import FAST, Kernels

INDEX = "model.safetensors.index.json"
SIDE_FILES = ("*.json", "*.txt", "*.model", "*.jinja")
"""Files that are copied with the weights: configuration, tokenizer, chat template."""
_HUB_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")


def hub_name(path: str | Path) -> tuple[str, str | None] | None:
    """Name and revision of a model of the hub, from `owner/name` or `owner/name@REVISION`; None for a folder
    that exists and for any other text."""
    found = _HUB_NAME.fullmatch(str(path))
    return None if found is None or Path(path).expanduser().is_dir() else (found[1], found[2])


def resolve_folder(path: str | Path) -> Path:
    """The local folder of a model: `path` itself, or the hub's snapshot when it is a hub name, `owner/name`
    or `owner/name@REVISION`.

    Raises:
        ModelError: neither a folder nor a name that the hub serves.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    named = hub_name(path)
    if named is None:
        hint = "check the path" if "/" in str(path) else f"a model of the hub is named owner/{path}"
        raise ModelError(f"no model folder at {path}: {hint}")
    try:
        wanted = ["*.safetensors", *SIDE_FILES]
        return Path(snapshot_download(named[0], revision=named[1], allow_patterns=wanted))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = first_line(error)
        raise ModelError(
            f"{path} is no folder here, and the hub gave no model of that name ({reason}): check the name "
            "and the network, or give a local folder"
        ) from error


def load_decoder(
    path: str | Path,
    *,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    kernels: Kernels = FAST,
    config: DecoderConfig | None = None,
) -> Decoder:
    """Read a model folder or hub name into a decoder on one device.

    Args:
        path: Hugging Face folder, or hub name.
        dtype: type of the parameters, whatever the file holds.
        device: of the parameters.
        kernels: see `Decoder`.
        config: the folder's, if it has been read.

    Raises:
        ModelError: the folder, a file or a tensor is missing, or the architecture is not supported.
    """
    folder = resolve_folder(path)
    config = config or read_config(folder)
    return filled_decoder(config, _tensors(folder), folder, dtype=dtype, device=device, kernels=kernels)


def filled_decoder(
    config: DecoderConfig,
    tensors: Iterable[tuple[str, Tensor]],
    source: Path,
    *,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    kernels: Kernels = FAST,
) -> Decoder:
    """A decoder with these weights. Names that it does not have are ignored: a head in the file of a tied
    model.

    Args:
        config: of the decoder.
        tensors: names of Hugging Face, and tensors.
        source: file or folder of the tensors, for errors.
        dtype: type of the parameters, whatever the tensors have.
        device: of the parameters.
        kernels: see `Decoder`.

    Raises:
        ModelError: a tensor is missing, or has another shape.
    """
    with torch.device("meta"):
        decoder = Decoder(config, kernels)
    decoder.to(dtype).to_empty(device=device)
    wanted = _destinations(decoder)
    for name, tensor in tensors:
        if name not in wanted:
            continue
        target = wanted.pop(name)
        if target.shape != tensor.shape:
            raise ModelError(
                f"{source}: {name} has shape {list(tensor.shape)}, expected {list(target.shape)}"
            )
        with torch.no_grad():
            target.copy_(tensor)
    if wanted:
        raise ModelError(f"{source} holds no tensor {min(wanted)} ({len(wanted)} are missing)")
    return decoder


def unloaded_decoder(
    config: DecoderConfig, *, dtype: torch.dtype, device: torch.device, kernels: Kernels
) -> Decoder:
    """A decoder for an engine that gets its weights published: each parameter has the shape, type and device
    of the real one and takes the memory of one number."""
    with torch.device("meta"):
        decoder = Decoder(config, kernels)
    for module in decoder.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            number = torch.zeros(1, dtype=dtype, device=device)
            setattr(module, name, nn.Parameter(number.expand(parameter.shape), requires_grad=False))
    return decoder


def huggingface_state(config: DecoderConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The decoder's tensors under the names of Hugging Face: views, fused projections split.

    Args:
        config: the decoder's.
        state: parameter name -> tensor, as `Decoder.named_parameters` gives them.
    """
    return {name: part for fused, tensor in state.items() for name, part in _split(config, fused, tensor)}


def save_decoder(
    decoder: Decoder | Mapping[str, Tensor],
    source_path: str | Path,
    out: str | Path,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a folder that transformers and vLLM load: weights, and configuration and tokenizer of the source.

    Args:
        decoder: a decoder, or its parameters by name.
        source_path: the folder or hub name the model was started from.
        out: folder to write; made when missing.
        dtype: type to store; None = that of the tensors.
    """
    source = resolve_folder(source_path)
    state = dict(decoder.named_parameters()) if isinstance(decoder, Decoder) else decoder
    write_folder(huggingface_state(read_config(source), state), source, Path(out), dtype)


def write_folder(
    state: Mapping[str, Tensor], source: Path, target: Path, dtype: torch.dtype | None = None
) -> None:
    """Write a model folder: these weights, and configuration, tokenizer and chat template of `source`.

    Args:
        state: tensors by the names of the architecture's checkpoints.
        source: the folder the model was started from.
        target: folder to write; made when missing.
        dtype: type to store; None = that of the tensors.
    """
    parts = {}
    for name, tensor in state.items():
        parts[name] = tensor.detach().to(device="cpu", dtype=dtype or tensor.dtype, copy=True).contiguous()
    target.mkdir(parents=True, exist_ok=True)
    for file in side_files(source):
        if file.resolve() != (target / file.name).resolve():
            shutil.copyfile(file, target / file.name)
    stored = dtype_name(next(iter(parts.values())).dtype)
    raw = read_json(source, "config.json")
    raw |= {"dtype": stored, "torch_dtype": stored}  # the names of transformers 5 and 4
    (target / "config.json").write_text(json.dumps(raw, indent=2) + "\n", encoding="utf-8")
    save_torch_state_dict(parts, target, metadata={"format": "pt"})


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights of a model folder.

    Raises:
        ModelError: one of them is missing or damaged.
    """
    if (folder / INDEX).is_file():
        index = read_json(folder, INDEX)
        if not isinstance(index.get("weight_map"), dict):
            raise ModelError(f"{folder / INDEX} has no table weight_map: copy the file again")
        names = sorted(set(index["weight_map"].values()))
    else:
        names = ["model.safetensors"]
    for name in names:
        if not (folder / name).is_file():
            raise ModelError(f"{folder} has no {name}; weights are read from safetensors only")
        with _opened(folder / name):  # checks the header, and the file's length against it
            pass
    return [folder / name for name in names]


def side_files(folder: Path) -> list[Path]:
    """The small files of a model folder: configuration, tokenizer, chat template."""
    found = {file for pattern in SIDE_FILES for file in folder.glob(pattern) if file.is_file()}
    return sorted(file for file in found if not file.name.endswith(".index.json"))


def _tensors(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the folder, one file at a time."""
    for path in weight_files(folder):
        yield from tensors_of_file(path)


def tensors_of_file(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a safetensors file, by name; ModelError when the file is damaged."""
    with _opened(path) as tensors:
        for name in tensors.keys():  # noqa: SIM118 - not a mapping
            yield name, tensors.get_tensor(name)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[safe_open]:
    try:
        with safe_open(path, framework="pt") as tensors:
            yield tensors
    except SafetensorError as error:
        raise ModelError(f"{path} is damaged ({error}): copy the file again") from error


def _destinations(decoder: Decoder) -> dict[str, Tensor]:
    """Name in the file -> the (part of a) parameter it fills."""
    return huggingface_state(decoder.config, {name: p.detach() for name, p in decoder.named_parameters()})


def _split(config: DecoderConfig, name: str, tensor: Tensor) -> list[tuple[str, Tensor]]:
    if ".qkv_proj." in name:
        sizes = [
            heads * config.head_size for heads in (config.num_heads, config.num_kv_heads, config.num_kv_heads)
        ]
        fused, parts = "qkv_proj", ["q_proj", "k_proj", "v_proj"]
    elif ".gate_up_proj." in name:
        sizes = [config.intermediate_size] * 2
        fused, parts = "gate_up_proj", ["gate_proj", "up_proj"]
    else:
        return [(name, tensor)]
    pieces = tensor.split(sizes)
    return [(name.replace(fused, part), piece) for part, piece in zip(parts, pieces, strict=True)]
