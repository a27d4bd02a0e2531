"""Experiments: shipped ones are whole, runs are shared, stages are scaled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.errors import ConfigError
from or1.lab.experiment import (
    ArmConfig,
    ArmStageConfig,
    ExperimentConfig,
    list_experiments,
    load,
    resolve,
    scale_stages,
)
from or1.lab.findings import FindingConfig, load_findings
from or1.lab.matrix import key_of_run, plan_runs
from or1.recipes.load import FOLDER as TRAINING
from or1.storage.provenance import hash_json


def experiment(*arms: ArmConfig, name: str = "e", steps: int = 60) -> ExperimentConfig:
    return ExperimentConfig(name=name, title="t", question="q", source="s", arms=arms, steps=steps, seeds=3)


PLAIN = ArmConfig(name="plain")
TWO = ArmConfig(name="two", set={"stages.0.num_minibatches": 2})


@pytest.mark.parametrize("name", list_experiments())
def test_the_arms_of_a_shipped_experiment_differ(name: str) -> None:
    shipped = load(name)
    keys = [
        key_of_run(resolve(shipped, arm, 1, quick=quick)) for arm in shipped.arms for quick in (True, False)
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", list_experiments())
def test_another_model_or_task_is_one_line_in_the_base(name: str, tmp_path: Path) -> None:
    text = (TRAINING / "lab.toml").read_text()
    assert text.count('extends = "tiny"\n') == 1
    base = tmp_path / "lab.toml"
    base.write_text(text.replace('extends = "tiny"', 'extends = "tiny-hard"'))
    shipped = load(name)
    moved = ExperimentConfig.model_validate(shipped.model_dump() | {"base": str(base)})
    keys = [key_of_run(resolve(moved, arm, 1, quick=False)) for arm in moved.arms]
    assert len(set(keys)) == len(keys)


def test_the_budgets_of_an_arm_are_shares_of_the_base() -> None:
    stages = (
        ArmStageConfig(budget=0.5, num_steps=2, set={"online_filter": False}),
        ArmStageConfig(num_steps=1),
    )
    run = resolve(experiment(PLAIN, TWO), ArmConfig(name="staged", stages=stages), 1, quick=False)
    base = resolve(experiment(PLAIN, TWO), PLAIN, 1, quick=False).stages[0]
    assert [stage.max_response_tokens for stage in run.stages] == [
        base.max_response_tokens // 2,
        base.max_response_tokens,
    ]
    assert [stage.num_steps for stage in run.stages] == [40, 20]
    assert [stage.online_filter for stage in run.stages] == [False, True]
    assert {stage.group_size for stage in run.stages} == {base.group_size}


@pytest.mark.parametrize("finding", load_findings(), ids=lambda finding: finding.name)
def test_a_finding_names_arms_of_a_shipped_experiment(finding: FindingConfig) -> None:
    shipped = load(finding.experiment)
    assert [shipped.arm(name).name for name in finding.arms] == list(finding.arms)


def test_equal_settings_and_seed_are_one_run() -> None:
    """Written otherwise, under another name, in another experiment; seed and steps tell runs apart."""
    default = ArmConfig(name="other", set={"stages.0.num_minibatches": 1, "loss.clip_high": 0.2})
    planned = plan_runs([experiment(PLAIN, TWO), experiment(default, TWO, name="f")])
    assert [each.title for each in planned] == [
        f"e/{arm}, seed {seed}" for seed in (1, 2, 3) for arm in ("plain", "two")
    ]
    assert [each.run.seed for each in planned] == [1, 1, 2, 2, 3, 3]
    longer = plan_runs([experiment(PLAIN, TWO, steps=61)])
    assert not {each.key for each in planned} & {each.key for each in longer}


def test_a_setting_that_is_added_with_a_default_keeps_the_keys() -> None:
    """The key is a hash of what differs from the defaults: a full dump has each default too."""
    run = plan_runs([experiment(PLAIN, TWO)])[0].run
    settings = run.model_dump(mode="json", exclude_defaults=True)
    assert key_of_run(run) == hash_json(settings)
    assert "clip_low" not in json.dumps(settings)
    assert json.loads(run.model_dump_json())["loss"]["clip_low"] == 0.2


def test_quick_runs_have_one_seed_few_steps_and_other_keys() -> None:
    quick = plan_runs([experiment(PLAIN, TWO)], seeds=4, quick=True)
    assert [(each.run.seed, each.run.num_steps) for each in quick] == [(1, 5), (1, 5)]
    assert not {each.key for each in quick} & {each.key for each in plan_runs([experiment(PLAIN, TWO)])}


def test_a_wrong_setting_names_experiment_arm_and_remedy() -> None:
    wrong = ArmConfig(name="wrong", set={"stages.0.num_minibatch": 2})
    with pytest.raises(
        ConfigError, match=r"experiment e, arm wrong: .*did you mean stages.0.num_minibatches"
    ):
        plan_runs([experiment(PLAIN, wrong)])


def test_an_experiment_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        'title = "t"\nquestion = "q"\nsource = "s"\n[[arms]]\nname = "a"\n'
        '[[arms]]\nname = "b"\nset = { "loss.clip_high" = 0.3 }\n'
    )
    assert (load(str(file)).name, load(str(file)).arm("b").set) == ("own", {"loss.clip_high": 0.3})
    file.write_text(file.read_text().replace('"b"', '"a"'))
    with pytest.raises(ConfigError, match='two arms are called "a"'):
        load(str(file))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=4), st.integers(4, 300))
def test_stages_share_the_steps_in_proportion(lengths: list[int], num_steps: int) -> None:
    stages = [{"num_steps": n, "switch": None} for n in lengths]
    scale_stages(stages, num_steps)
    scaled = [stage["num_steps"] for stage in stages]
    assert sum(scaled) == num_steps
    assert min(scaled) >= 1
    share = num_steps / sum(lengths)
    assert all(abs(n - max(share * m, 1)) <= len(lengths) + 0.5 for n, m in zip(scaled, lengths, strict=True))


def test_a_switch_rule_is_scaled_with_its_stage() -> None:
    stages = [{"num_steps": 40, "switch": {"min_steps": 20, "window": 4}}, {"num_steps": 40, "switch": None}]
    scale_stages(stages, 20)
    assert stages[0] == {"num_steps": 10, "switch": {"min_steps": 5, "window": 1}}
