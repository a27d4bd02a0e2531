"""The problems of a benchmark: arithmetic, through the model's own chat template."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from transformers import AutoTokenizer

from benchmarks._workload import Workload, WorkProblem, make_workload
from or1.models import model_folder
from or1.tasks.arithmetic import ArithmeticTask


def arithmetic_workload(
    model_path: str, *, num_problems: int, group_size: int, cap: int, seed: int = 1
) -> Workload:
    """The first problems of the built-in task with the lengths of both cases.

    Args:
        model_path: Hugging Face folder, or `builtin:tiny`.
        num_problems: N.
        group_size: M.
        cap: longest response [tokens].
        seed: of the order of the skewed lengths.
    """
    folder = str(Path(model_folder(model_path)).resolve())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    problems = []
    for problem in ArithmeticTask(num_problems=num_problems).problems():
        messages = [asdict(message) for message in problem.prompt]
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        problems.append(
            WorkProblem(
                id=problem.id, task=problem.task, messages=messages, gold=problem.gold, prompt_tokens=tokens
            )
        )
    return make_workload(folder, problems, group_size=group_size, cap=cap, seed=seed)
