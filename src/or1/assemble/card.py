"""The model card of an exported checkpoint: use, prompt format, scores, data, licence, origin, settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from or1 import recipes
from or1.config import DataConfig, RunConfig
from or1.nn.weights import hub_name
from or1.storage.run_folder import recorded_changes
from or1.tasks.chat import with_system_prompt
from or1.tracking import metrics as keys
from or1.tracking.run_data import RunData
from or1.types import Message

_QUESTION = "What is 12 + 34?"
_TRANSFORMERS = """\
```python
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "."  # this folder, or its name on the hub
messages = {messages}
tokenizer = AutoTokenizer.from_pretrained({tokenizer})
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto"{revision})
prompt = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True{template_kwargs}
)
sampling = {{"do_sample": True, "temperature": {temperature}, "top_k": 0, "max_new_tokens": {max_tokens}}}
output = model.generate(**prompt, **sampling)
print(tokenizer.decode(output[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))
```
"""
_VLLM = """\
```python
from vllm import LLM, SamplingParams
{imports}
sampling = SamplingParams(temperature={temperature}, max_tokens={max_tokens}{stop_ids})
llm = LLM({weights})
print(llm.chat(messages, sampling{chat_kwargs})[0].outputs[0].text)
```
"""


def card(
    run: RunConfig,
    data: RunData,
    step: int,
    prompt_text: Callable[[tuple[Message, ...]], str],
    stop_ids: Sequence[int] = (),
    adapter: bool = False,
    licence: str | None = None,
) -> str:
    """The text of README.md.

    Args:
        run: settings of the run.
        data: its rows.
        step: of the checkpoint.
        prompt_text: renders messages by the chat template of the run.
        stop_ids: tokens of `model.chat.stop_tokens`.
        adapter: the folder holds an adapter, without tokenizer and start model.
        licence: of the weights, by its name on the hub; None = `licence_of` the run.
    """
    about = data.description["provenance"]
    base = run.model.path
    front = [
        "library_name: transformers",
        "pipeline_tag: text-generation",
        "tags: [reinforcement-learning, reasoning, or1]",
    ]
    licence = licence or licence_of(run)
    if licence is not None:
        front.insert(0, f"license: {licence}")
    if (named := hub_name(base)) is not None:
        front.insert(0, f"base_model: {named[0]}")
    instructions = list(dict.fromkeys(source.instruction for source in run.data))
    asked = Message("user", "\n".join(filter(None, (_QUESTION, instructions[0]))))
    head = f"`{base}` after {step:,} steps of or1 {about['or1_version']}. {recipes.describe(run)}"
    lines = ["---", *front, "---", "", f"# {run.name}", "", head]
    lines += ["", "## Use", "", *_use(run, asked, stop_ids, adapter)]
    lines += ["## Prompt format", "", *_prompt_format(instructions, prompt_text((asked,))), ""]
    lines += ["## Scores", "", *_scores(data, step), ""]
    lines += ["## Data", "", *map(_source, run.data), f"- data hash: {about['data_hash']}"]
    if "data_commits" in about:
        lines += [f"- {name} at commit {commit}" for name, commit in about["data_commits"].items()]
    lines += ["", "## Licence", "", *_licence(base, run.data, licence), ""]
    lines += ["## Origin", "", *_origin(about, step), ""]
    lines += ["## Configuration", "", "```json", run.model_dump_json(indent=2), "```", ""]
    return "\n".join(lines)


def _use(run: RunConfig, asked: Message, stop_ids: Sequence[int], adapter: bool) -> list[str]:
    """Code for transformers and vLLM."""
    chat, lora, base = run.model.chat, run.model.lora, run.model.path
    turns = with_system_prompt((asked,), chat.system_prompt)
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    kwargs = "".join(f", {name}={value!r}" for name, value in chat.template_kwargs.items())
    budget = {
        "temperature": run.rollout.temperature,
        "max_tokens": run.stages[-1].max_response_tokens,
    }
    chat_kwargs = f", chat_template_kwargs={chat.template_kwargs!r}" if chat.template_kwargs else ""
    imports, weights, tokenizer, revision = "", "folder", "folder", ""
    if adapter and lora is not None:
        name, commit = hub_name(base) or (base, None)
        revision = f", revision={commit!r}" if commit else ""
        imports = "from vllm.lora.request import LoRARequest\n"
        tokenizer = f"{name!r}{revision}"
        weights = f"{name!r}{revision}, enable_lora=True, max_lora_rank={lora.rank}"
        # the tokenizer is that of the start model, with its own template
        own = ', chat_template=open("chat_template.jinja").read()' if chat.template is not None else ""
        kwargs, chat_kwargs = kwargs + own, chat_kwargs + own
        chat_kwargs += f', lora_request=LoRARequest("{run.name}", 1, folder)'
    return [
        _TRANSFORMERS.format(
            messages=json.dumps(messages, ensure_ascii=False),
            tokenizer=tokenizer,
            revision=revision,
            template_kwargs=kwargs,
            **budget,
        ),
        _VLLM.format(
            imports=imports,
            weights=weights,
            stop_ids=f", stop_token_ids={list(stop_ids)}" if stop_ids else "",
            chat_kwargs=chat_kwargs,
            **budget,
        ),
    ]


def _prompt_format(instructions: Sequence[str], text: str) -> list[str]:
    """The instructions and one prompt as the model reads it."""
    given = [instruction for instruction in instructions if instruction]
    lines = [f"Each question was followed by{' one of' if len(instructions) > 1 else ''}:"]
    lines = [*lines, "", *(f"> {line}" for each in given for line in each.splitlines()), ""] if given else []
    return [*lines, "A prompt, by the chat template of the tokenizer:", "", "````text", text, "````"]


def _scores(data: RunData, step: int) -> list[str]:
    scores = [row for row in data.scores if row["step"] <= step]
    return [
        "| held-out score | avg@k | 95 % interval | k | problems |",
        "| --- | --- | --- | --- | --- |",
        *map(_score_row, [scores[0], scores[-1]] if len(scores) > 1 else scores),
    ]


def _score_row(row: dict[str, Any]) -> str:
    low, high = row[keys.AVG_AT_K_LOW], row[keys.AVG_AT_K_HIGH]
    return (
        f"| step {row['step']} | {row[keys.AVG_AT_K]:.3f} | {low:.3f} to {high:.3f} "
        f"| {row[keys.SAMPLES_PER_PROBLEM]} | {row[keys.NUM_PROBLEMS]} |"
    )


def _source(source: DataConfig) -> str:
    judge, digest = source.judge, source.task_hash
    name = judge if digest is None else f"{Path(judge).name}, source hash {digest}"
    return f"- {name}: {source.path or 'problems made by or1'}"


def licence_of(run: RunConfig) -> str | None:
    """The licence of a run's weights by its name on the hub, if start model and problems are or1's own."""
    own = run.model.path.startswith("builtin:") and all(source.path is None for source in run.data)
    return "apache-2.0" if own else None


def _licence(base: str, data: Sequence[DataConfig], licence: str | None) -> list[str]:
    if licence is not None:
        return [f"`{licence}`. The weights are derived from `{base}`."]
    paths = ", ".join(f"`{source.path}`" for source in data if source.path is not None)
    terms = f", and the terms of {paths} may apply" if paths else ""
    return [
        f"These weights are derived from `{base}`: its licence applies to them{terms}. "
        "Check it before you publish this folder, and add `license:` to the head of this file."
    ]


def _origin(about: dict[str, Any], step: int) -> list[str]:
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items() if version)
    return [
        *[
            f"- from step {change['step'] + 1} on: `{change['setting']}` {change['from']} -> {change['to']}"
            for change in recorded_changes(about)
            if change["step"] < step
        ],
        f"- commit: {about['commit']}",
        f"- configuration hash: {about['config_hash']}",
        f"- packages: {packages}",
    ]
