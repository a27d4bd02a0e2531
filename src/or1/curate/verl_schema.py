"""The columns of Skywork-OR1-RL-Data, which verl reads.

Source: Skywork/Skywork-OR1-RL-Data and the reward functions of Skywork-OR1 @64e96af. Reading this layout is
the adapter `skywork-or1` of `or1.curate.layouts`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from or1.curate.records import TURN, Record
from or1.tasks.difficulty import wrong_of
from or1.types import Gold
from or1_verify.code import parse_tests
from or1_verify.code.spec import AssertTests, CheckTests, FunctionTests, StdinTests
from or1_verify.math.gold import accepted_golds


def reference_schema(models: Sequence[str]) -> pa.Schema:
    """The columns; one field of `model_difficulty` for each model, and none of it without models."""
    extra = [("index", pa.int64())]
    if models:
        extra.append(("model_difficulty", pa.struct([(model, pa.int64()) for model in models])))
    return pa.schema(
        [
            ("data_source", pa.string()),
            ("prompt", pa.list_(TURN)),
            ("ability", pa.string()),
            ("reward_model", pa.struct([("ground_truth", pa.string()), ("style", pa.string())])),
            ("extra_info", pa.struct(extra)),
        ]
    )


def as_reference(record: Record, difficulty: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """A problem as one row; `model_difficulty` is the wrong ones of 16. Source: paper 6.2."""
    wrong = {model: wrong_of(right, num) for model, (right, num) in difficulty.items() if num}
    return {
        "data_source": f"train-{record.task}-{record.source}",
        "prompt": [{"role": turn.role, "content": turn.content} for turn in record.prompt],
        "ability": record.task,
        "reward_model": {"ground_truth": json.dumps(ground_truth(record.task, record.gold)), "style": "rule"},
        "extra_info": {"index": record.row, "model_difficulty": wrong},
    }


def ground_truth(task: str, gold: Gold) -> Any:
    """Gold for the reward functions of the reference: a list of answers, or tests in their layout."""
    if task == "math":
        return [each.text for each in accepted_golds(gold)]
    match parse_tests(gold):
        case StdinTests(inputs=inputs, outputs=outputs):
            return {"inputs": list(inputs), "outputs": list(outputs)}
        case FunctionTests(fn_name=name, inputs=arguments, outputs=values):
            return {"fn_name": name, "inputs": [list(each) for each in arguments], "outputs": list(values)}
        case CheckTests(setup=setup, test=test, entry_point=entry_point):
            return {"import_prefix": setup, "test_code": test, "entry_point": entry_point}
        case AssertTests(setup=setup, tests=tests):
            return {"assert_case": [f"{setup}\n{each}" if setup else each for each in tests]}
    raise AssertionError("parse_tests gives one of these")
