"""Settings of an evaluation: frozen like those of a run, changed with `--set` in the same way."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from or1.config import (
    NAME_OR_PLUGIN,
    Config,
    EndpointConfig,
    ModelConfig,
    SystemConfig,
    VerifyConfig,
    VllmConfig,
)


class EvalRunConfig(Config):
    """One evaluation: a model, its sampling and prompts. Benchmarks and protocols are data, in `recipes`."""

    model: ModelConfig
    endpoint: EndpointConfig | None = None
    """Server that samples; `model` is then of use only where it is a folder with the model's tokenizer. None
    = or1's own engine, in this process."""
    protocol: str = "reference"
    """Named sampling and prompts; the values below stand in for its own where they are given."""
    samples: int | None = Field(default=None, ge=1, le=65_536)
    """k of avg@k [samples]; None = the protocol's, else the benchmark's."""
    num_problems: int | None = Field(default=None, ge=1)
    """This many from the start of each benchmark [problems]; None = all."""
    temperature: float | None = Field(default=None, ge=0)
    """Divides the logits [dimensionless]; 0 = greedy; None = the protocol's."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Share of the probability that is drawn from [fraction]; None = the protocol's."""
    top_k: int | None = Field(default=None, ge=1)
    """Likeliest tokens that are drawn from [tokens]; None = all. Source: scripts (-1)."""
    max_response_tokens: int | None = Field(default=None, ge=1)
    """Response budget [tokens]; None = the protocol's."""
    seed: int = Field(default=1, ge=0, le=2**63 - 1)
    """Root of every random number [dimensionless]."""
    task: str | None = None
    """Judge all benchmarks by this task, as `data.task` names one; None = by each benchmark's own."""
    task_hash: str | None = None
    """Hash of the source of a task of your own; written at the start. None = not checked."""
    unboxed_answers: bool = False
    """Read a mathematical answer that no box holds from the end of the text. More lenient than training."""
    engine: str = Field(
        default="local", pattern=NAME_OR_PLUGIN, examples=["local", "my_engine.py:make_engine"]
    )
    """Engine that samples where no server does, as `rollout.engine` of a run."""
    num_engines: int = Field(default=1, ge=1)
    """Processes with a vLLM engine each [engines]."""
    vllm: VllmConfig = VllmConfig()
    max_running: int = Field(default=64, ge=1)
    """Responses decoded at once by one engine [rollouts]."""
    max_prompt_tokens: int = Field(default=16_384, ge=1)
    """Longest prompt [tokens]."""
    verify: VerifyConfig = VerifyConfig()
    system: SystemConfig = SystemConfig()

    @model_validator(mode="after")
    def _server_gets_chat_settings(self) -> Self:
        chat, endpoint = self.model.chat, self.endpoint
        if endpoint is None:
            return self
        if chat.template is not None:
            raise ValueError(
                "model.chat.template does not reach a server: start the server with this template "
                "(vLLM: --chat-template FILE) and with model.path set to a folder that has it"
            )
        if "chat_template_kwargs" in endpoint.request_fields:
            raise ValueError(
                "endpoint.request_fields.chat_template_kwargs: set model.chat.template_kwargs instead, "
                "which each request carries"
            )
        if endpoint.dialect == "openai" and (chat.template_kwargs or chat.stop_tokens):
            raise ValueError(
                'servers of dialect "openai" take neither model.chat.template_kwargs nor '
                'model.chat.stop_tokens: remove them, or set endpoint.dialect = "vllm"'
            )
        return self

    @model_validator(mode="after")
    def _deterministic_is_exact(self) -> Self:
        if self.system.deterministic and self.model.dtype == "bfloat16":
            raise ValueError("system.deterministic works in float32: set model.dtype to auto or float32")
        return self
