"""The model that samples: its folder or its server, and its prompts. Part of `or1.config`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from or1.setting import OnResume

PLUGIN = r"^[^:]+:[A-Za-z_]\w*$"
NAME_OR_PLUGIN = r"^([A-Za-z_]\w*|[^:]+:[A-Za-z_]\w*)$"
"""A plain name, or `FILE.py:NAME`, or `module:NAME`."""


class Config(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )


def require_own_names(kind: str, names: Sequence[str]) -> None:
    """ValueError if two entries of a table have one name."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f'two {kind} are called "{twice}": give each its own name')


class ChatConfig(Config):
    """How messages become the tokens of a prompt, and which tokens end a response."""

    system_prompt: str = ""
    """System message put before each prompt that has none of its own; empty = none."""
    template: str | None = None
    """Jinja chat template in place of the model folder's: a path, relative to the recipe file, or the text
    itself. The resolved configuration holds the text. None = the model folder's."""
    template_kwargs: dict[str, Any] = {}
    """Variables for the chat template, such as `{ enable_thinking = false }` of Qwen3."""
    stop_tokens: tuple[int | str, ...] = ()
    """Tokens that end a response, beside the end tokens of the model: ids, or texts that are one token each.
    Like vLLM's stop_token_ids: the token belongs to the response, and to its text unless it is special."""

    @field_validator("template")
    @classmethod
    def _template_is_text(cls, template: str | None) -> str | None:
        if template is not None and "{" not in template:
            raise ValueError(f'"{template}" is no Jinja text: a path is read only in a recipe or with --set')
        return template

    @field_validator("template_kwargs")
    @classmethod
    def _own_arguments(cls, kwargs: dict[str, Any]) -> dict[str, Any]:
        own = {"messages", "conversation", "chat_template", "tokenize", "add_generation_prompt"}
        own |= {"continue_final_message", "tools", "documents"}
        if taken := sorted(own & kwargs.keys()):
            raise ValueError(f"{', '.join(taken)} cannot be set: or1 sets it itself")
        return kwargs


class LoraConfig(Config):
    """Low-rank adapters in place of training all weights. Source: arXiv 2106.09685."""

    rank: int = Field(default=32, ge=1)
    """Columns of each adapter matrix [dimensionless]."""
    alpha: float = Field(default=64.0, gt=0)
    """An adapter's product is multiplied by alpha / rank [dimensionless]."""
    targets: tuple[str, ...] = ()
    """Names of the linear layers with adapters, such as q_proj; empty = all but the head."""


class ModelConfig(Config):
    path: Annotated[str, OnResume.FREE]
    """Hugging Face folder or hub name of the start model; `builtin:tiny` is the model shipped with or1."""
    implementation: Literal["auto", "or1", "transformers"] = "auto"
    """Code that computes the layers. or1: its own decoder (Qwen2, Qwen3, Llama, Mistral); transformers: any
    causal language model that it loads, refused where or1's attention and head would not give its
    log-probabilities; auto: or1's own where it computes the architecture."""
    lora: LoraConfig | None = None
    """Train low-rank adapters only, through transformers' layers; None = train all weights."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Compute type of rollout and update. auto: bfloat16 where the machine multiplies it faster, else
    float32. Weights are kept in float32 by the optimizer in either case."""
    chat: ChatConfig = ChatConfig()

    @model_validator(mode="after")
    def _adapters_are_for_transformers(self) -> Self:
        if self.lora is not None and self.implementation == "or1":
            raise ValueError('model.lora needs model.implementation = "transformers" or "auto"')
        return self


class EndpointConfig(Config):
    """A server that speaks OpenAI's chat completions, from which evaluation and curation may sample."""

    url: str = Field(pattern=r"^https?://[^/?#@]+(/[^?#@]*)?$", examples=["http://127.0.0.1:8000/v1"])
    """Base address of the server's API: `http://127.0.0.1:8000/v1`."""
    model: str = Field(min_length=1)
    """Name under which the server has the model."""
    api_key_variable: str | None = None
    """Environment variable that holds the key; None = send no key."""
    dialect: Literal["vllm", "openai"] = "vllm"
    """vllm: send top_k, min_p and repetition_penalty with every request, so that a server's own defaults for
    a model cannot change the distribution (vLLM, SGLang, llama.cpp). openai: standard fields only."""
    request_fields: dict[str, Any] = {}
    """Further fields of every request. In evaluations `model.chat.template_kwargs` takes the place of
    `chat_template_kwargs`."""
    max_concurrency: int = Field(default=64, ge=1)
    """Requests under way at once [requests]."""
    connect_limit_s: float = Field(default=10.0, gt=0)
    """Longest wait for a connection [s]."""
    answer_limit_s: float = Field(default=3600.0, gt=0)
    """Longest wait for one answer, from the request to its last byte [s]."""
    max_tries: int = Field(default=10, ge=1)
    """Times that one request is sent before its sample is given up [tries]; with the pauses below ten tries
    outlast a server that is away for two minutes."""
    first_pause_s: float = Field(default=1.0, ge=0)
    """Pause after the first failure, doubled with each further one, less up to half of it by chance [s]."""
    longest_pause_s: float = Field(default=60.0, ge=0)
    """Bound of that pause [s]."""
    longest_asked_pause_s: float = Field(default=600.0, ge=0)
    """A server that asks for a longer pause (Retry-After) is not asked again [s]."""
    max_failures_in_a_row: int = Field(default=16, ge=1)
    """Samples given up in a row before the whole call fails [samples]."""

    @field_validator("request_fields")
    @classmethod
    def _ours_stay_ours(cls, fields: dict[str, Any]) -> dict[str, Any]:
        own = {"messages", "model", "n", "seed", "stream", "temperature", "top_p", "top_k", "max_tokens"}
        if taken := sorted(own & fields.keys()):
            raise ValueError(f"{', '.join(taken)} cannot be set: or1 says it itself")
        return fields


class VllmConfig(Config):
    """Engines of vLLM, with `rollout.engine = "vllm"`."""

    tensor_parallel: int = Field(default=1, ge=1)
    """GPUs of one engine [GPUs]."""
    gpus: tuple[int, ...] = ()
    """GPUs of the engines, tensor_parallel for each one after another, as numbers that CUDA_VISIBLE_DEVICES
    takes; empty = all engines see all GPUs."""
    gpu_memory_fraction: float = Field(default=0.5, gt=0, le=1)
    """Share of a GPU's memory for one engine, weights included [fraction]; the update needs the rest where
    it works on the same GPU."""
    kv_cache_bytes: int | None = Field(default=None, ge=1 << 20)
    """Memory of one engine for keys and values [bytes]; None = the rest of gpu_memory_fraction, and 1 GiB
    on a CPU."""
    enforce_eager: bool = False
    """Without CUDA graphs and compiled kernels, as always on a CPU."""
    transfer: Literal["or1_shm", "ipc", "nccl"] = "or1_shm"
    """Way of published weights to the engines. or1_shm: a file in shared memory; ipc: memory of the trainer's
    GPU, for engines on the same GPU; nccl: a broadcast to engines on other GPUs of this machine."""
    canary_max_nats: float | None = Field(default=None, gt=0)
    """Largest difference between an engine and the trainer's weights in the check after each load [nats];
    None = by compute type."""
    start_limit_s: float = Field(default=900.0, gt=0)
    """Longest start of an engine [s]."""
    load_limit_s: float = Field(default=600.0, gt=0)
    """Longest load of published weights [s]."""
    step_limit_s: float = Field(default=300.0, gt=0)
    """Longest time in which an engine samples one token of all its running responses [s]."""
