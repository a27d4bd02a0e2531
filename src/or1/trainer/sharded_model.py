"""A model whose weights are spread over ranks by PyTorch's FSDP2: one shard of every tensor on each rank.

Shards are float32 and are the master weights. A layer gathers its weights in the compute type when its
forward or backward pass begins, and drops them at the end. Gradients are summed over the ranks, not averaged:
the loss of a rank is already divided by the denominators of the whole minibatch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, OffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from or1.nn.causal_model import CausalModel
from or1.nn.config import ModelShape
from or1.nn.kernels import Kernels
from or1.nn.load import load_model, unloaded_model


def load_sharded(
    folder: Path,
    shape: ModelShape,
    mesh: DeviceMesh,
    *,
    dtype: torch.dtype,
    device: torch.device,
    kernels: Kernels,
    offload: bool,
    on_progress: Callable[[], None],
) -> CausalModel:
    """The model of a folder, sharded. Rank 0 reads the folder; a collective call.

    Args:
        folder: Hugging Face folder with safetensors.
        shape: of `read_shape`.
        mesh: all ranks, one dimension.
        dtype: compute type.
        device: of this rank.
        kernels: see `or1.nn.kernels`.
        offload: keep shards, gradients and moments in the memory of the host.
        on_progress: called after each tensor.
    """
    model = unloaded_model(folder, shape, dtype=torch.float32, device=device, kernels=kernels)
    assert isinstance(model, nn.Module)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    _remove_storage(model)
    _shard(model, mesh, dtype, CPUOffloadPolicy(pin_memory=device.type == "cuda") if offload else None)
    model.to_empty(device=torch.device("cpu") if offload else device)
    for name, buffer in model.named_buffers():
        buffer.data = buffers[name]
    whole: Mapping[str, Tensor] | None = None
    if distributed.get_rank() == 0:
        whole = dict(load_model(folder, shape, dtype=torch.float32, kernels=kernels).named_parameters())
    fill(model, whole, device, on_progress)
    return model


def _remove_storage(model: nn.Module) -> None:
    """Replace the parameters by trained ones without memory, which become shards before they get any."""
    made: dict[nn.Parameter, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter not in made:
                made[parameter] = nn.Parameter(torch.empty_like(parameter, device="meta").contiguous())
            setattr(module, name, made[parameter])


def _shard(
    model: CausalModel, mesh: DeviceMesh, dtype: torch.dtype, offload: CPUOffloadPolicy | None
) -> None:
    policy = MixedPrecisionPolicy(
        param_dtype=dtype, reduce_dtype=torch.float32, output_dtype=None, cast_forward_inputs=False
    )
    assert isinstance(model, nn.Module)
    modules: list[nn.Module] = [*model.layers, model]
    for module in modules:
        # the root too drops its weights after a pass: one that it kept would be stale after an update
        sharded = fully_shard(
            module,
            mesh=mesh,
            mp_policy=policy,
            reshard_after_forward=True,
            offload_policy=offload or OffloadPolicy(),
        )
        # a plain sum, in the form that gloo has
        sharded.set_gradient_divide_factor(1.0)
        sharded.set_force_sum_reduction_for_comms(True)


@torch.no_grad()
def fill(
    model: CausalModel,
    whole: Mapping[str, Tensor] | None,
    device: torch.device,
    on_progress: Callable[[], None],
) -> None:
    """Copy whole tensors of rank 0 into the shards of all ranks, one tensor at a time; a collective call.

    Args:
        model: sharded.
        whole: name -> tensor on rank 0, None elsewhere.
        device: of this rank.
        on_progress: called after each tensor.
    """
    for name, shard in shards(model):
        tensor = torch.empty(shard.shape, dtype=shard.dtype, device=device)
        if whole is not None:
            tensor.copy_(whole[name])
        distributed.broadcast(tensor, 0)
        piece = distribute_tensor(tensor, shard.device_mesh, shard.placements, src_data_rank=None)
        shard.to_local().copy_(piece.to_local())
        on_progress()


def shards(model: CausalModel) -> Iterator[tuple[str, DTensor]]:
    """Name and shards of each parameter, in an order that is the same on all ranks."""
    for name, parameter in model.named_parameters():
        assert isinstance(parameter, DTensor)
        yield name, parameter


@torch.no_grad()
def gathered(
    tensors: Iterable[tuple[str, Tensor]], dtype: torch.dtype | None = None
) -> Iterator[tuple[str, Tensor]]:
    """Whole tensors, one at a time, on every rank; a collective call.

    Args:
        tensors: name and shards, in the same order on all ranks.
        dtype: to convert to before the ranks exchange anything; None = as it is.
    """
    for name, shard in tensors:
        converted = shard if dtype is None else shard.to(dtype)
        assert isinstance(converted, DTensor)
        yield name, converted.full_tensor()
