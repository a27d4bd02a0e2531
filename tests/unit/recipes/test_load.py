"""Recipes: found, extended, overridden, and every mistake told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1 import recipes
from or1.config import RunConfig
from or1.errors import ConfigError
from or1.recipes.load import merge
from or1.recipes.override import apply_set, parse_value

PLAIN = """
[model]
path = "builtin:tiny"
[[data]]
task = "arithmetic"
[[stages]]
max_response_tokens = 128
num_steps = 3
num_problems = 4
"""


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.toml"
    path.write_text(PLAIN)
    return path


@pytest.mark.parametrize("name", recipes.list_recipes())
def test_every_recipe_builds_and_round_trips_through_json(name: str, tmp_path: Path) -> None:
    run = recipes.load(name)
    assert run.name == name
    path = tmp_path / "config.json"
    path.write_text(run.model_dump_json())
    assert recipes.load(path) == run
    assert recipes.summary(name)[0].isalpha() or recipes.summary(name).startswith("`")


def test_config_of_a_run_folder_repeats_the_run(tmp_path: Path) -> None:
    run = recipes.load("tiny", ["seed=7"])
    written = {"config": run.model_dump(mode="json"), "provenance": {"data_hash": "x"}}
    (tmp_path / "config.json").write_text(json.dumps(written))
    assert recipes.load(tmp_path / "config.json") == run
    assert recipes.load(tmp_path) == run


def test_extends_merges_tables_and_replaces_lists(plain: Path) -> None:
    child = plain.with_name("child.toml")
    child.write_text(
        'extends = "plain.toml"\n[entropy]\ntarget = 0.3\n'
        "[[stages]]\nmax_response_tokens = 9\nnum_steps = 1\n"
    )
    grandchild = plain.with_name("grandchild.toml")
    grandchild.write_text('extends = "child.toml"\nname = "called"\n[entropy]\ndelta = 0.01\n')
    run = recipes.load(grandchild)
    # replacing tables whole would lose the target, merging lists would keep num_problems 4
    assert (run.entropy.target, run.entropy.delta) == (0.3, 0.01)
    assert [(s.max_response_tokens, s.num_steps, s.num_problems) for s in run.stages] == [(9, 1, 256)]
    assert run.name == "called"
    assert recipes.load(child).name == "child"


def test_a_circle_is_refused_by_name(plain: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        plain.with_name(f"{name}.toml").write_text(f'extends = "{other}.toml"\n')
    with pytest.raises(ConfigError, match=r"in a circle: a -> b -> a"):
        recipes.load(plain.with_name("a.toml"))


@given(
    st.recursive(st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner), max_leaves=9)
)
def test_merging_nothing_changes_nothing_and_merging_itself_is_itself(value: object) -> None:
    table = {"t": value}
    assert merge(table, {}) == table == merge({}, table)
    assert merge(table, table) == table


@pytest.mark.parametrize(
    ("setting", "read"),
    [
        ("stages.0.max_response_tokens=64", lambda r: (r.stages[0].max_response_tokens, 64)),
        ("stages.max_response_tokens=64", lambda r: (r.stages[0].max_response_tokens, 64)),
        ("data.path=train.jsonl", lambda r: (r.data[0].path, "train.jsonl")),
        ("data.0.path=a=b.jsonl", lambda r: (r.data[0].path, "a=b.jsonl")),
        ("stages.switch.truncated_below=0.5", lambda r: (r.stages[0].switch.truncated_below, 0.5)),
        ("evaluation.every=null", lambda r: (r.evaluation.every, None)),
        ("loss.truncation_mask=before", lambda r: (r.loss.truncation_mask, "before")),
        ("optimizer.learning_rate=2e-6", lambda r: (r.optimizer.learning_rate, 2e-6)),
        ("tracking.console=false", lambda r: (r.tracking.console, False)),
        ('model.path="12"', lambda r: (r.model.path, "12")),
        ("name=2026-01-02", lambda r: (r.name, "2026-01-02")),
        ("stages=[{max_response_tokens=5, num_steps=1}]", lambda r: (r.stages[0].max_response_tokens, 5)),
    ],
)
def test_set(plain: Path, setting: str, read) -> None:  # type: ignore[no-untyped-def]
    seen, wanted = read(recipes.load(plain, [setting]))
    assert seen == wanted


def test_later_settings_win(plain: Path) -> None:
    assert recipes.load(plain, ["seed=2", "seed=3"]).seed == 3


@given(st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_and_booleans_survive_the_command_line(value: float) -> None:
    seen = parse_value(json.dumps(value))
    assert seen == value
    assert type(seen) is type(value)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_any_text_is_a_value_and_never_fails(text: str) -> None:
    parse_value(text)
    assert parse_value(f"x {text}") == f"x {text}".strip()  # not TOML: stands as it is


def test_set_leaves_other_values_alone() -> None:
    table = recipes.load("or1-7b").model_dump(mode="json")
    before = json.loads(json.dumps(table))
    apply_set(table, "stages.1.num_steps=5")
    before["stages"][1]["num_steps"] = 5
    assert table == before
    assert RunConfig.model_validate(table).stages[1].num_steps == 5


# (recipe, settings) -> what the one line must hold: the key, the value, the remedy
BAD = [
    ("tinny", [], ['unknown recipe "tinny"', "did you mean tiny?", "or1-32b-as-released"]),
    ("qwen", [], ['unknown recipe "qwen"', ": there are lab, or1-32b"]),
    ("no/such.toml", [], ["no/such.toml", "no such file", "config.json"]),
    (
        "tiny",
        ["temperature=1"],
        ["unknown key temperature", "rollout.temperature or evaluation.temperature?"],
    ),
    ("tiny", ["foo=1"], ["unknown key foo: a run has name, seed, model, "]),  # floor is a little like it
    ("tiny", ["optimizer.lr=1"], ["unknown key optimizer.lr", "did you mean optimizer.learning_rate?"]),
    ("tiny", ["entropy.taget=1"], ["unknown key entropy.taget", "did you mean entropy.target?"]),
    ("tiny", ["stages.0.nsteps=1"], ["unknown key stages.0.nsteps", "did you mean stages.0.num_steps?"]),
    ("tiny", ["seed.x=1"], ["seed takes a value"]),
    ("tiny", ["seed"], ["--set seed", "KEY=VALUE"]),
    ("tiny", ["stages.max_response_tokens=1"], ["stages has 2 entries", "stages.0 to stages.1"]),
    ("tiny", ["stages.7.num_steps=1"], ["stages.7 does not exist", "the last is stages.1"]),
    ("qwen-0.5b-gsm8k", ["evaluation.data.path=x"], ["evaluation.data has no entries", "set it whole"]),
    ("tiny", ["stages.0.num_steps=0"], ["stages.0.num_steps = 0", "a whole number, at least 1"]),
    ("tiny", ["stages.0.num_steps=1.5"], ["stages.0.num_steps = 1.5", "a whole number"]),
    ("tiny", ["loss.clip_low=1"], ["loss.clip_low = 1", "a number, above 0, below 1"]),
    ("tiny", ["entropy.mode=of"], ['entropy.mode = "of"', '"off", "fixed", "adaptive"']),
    ("tiny", ["tracking.console=3"], ["tracking.console = 3", "true or false"]),
    ("tiny", ["optimizer.learning_rate=nan"], ["optimizer.learning_rate = nan", "above 0"]),
    ("tiny", ["stages=[]"], ["stages is empty"]),
    ("tiny", ["stages=[{num_steps=1}]"], ["stages.0.max_response_tokens is missing", "a whole number"]),
    ("tiny", ["data={task='math'}"], ["data must be a list of tables", "[[data]]"]),
    ("tiny", ["stages.1.max_response_tokens=5"], ["[80, 5]", "must not shrink"]),
    ("tiny", ["stages.0.num_minibatches=99"], ["stages.0: num_minibatches 99", "lower num_minibatches"]),
    ("tiny", ["entropy.maximum=0.1", "entropy.initial=0.2"], ["entropy: initial 0.2", "maximum 0.1"]),
]


@pytest.mark.parametrize(("name", "sets", "parts"), BAD, ids=[f"{n} {s}" for n, s, _ in BAD])
def test_a_mistake_is_one_line(name: str, sets: list[str], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        recipes.load(name, sets)
    message = str(refused.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_mistakes_inside_a_file_name_the_file(plain: Path) -> None:
    plain.write_text(PLAIN + "[entropy]\ntagret = 1\n")
    with pytest.raises(
        ConfigError, match=r"plain\.toml: unknown key entropy\.tagret: did you mean entropy\.target\?"
    ):
        recipes.load(plain)
    plain.write_text("[model\n")
    with pytest.raises(ConfigError, match=r"plain\.toml: .*line 1"):
        recipes.load(plain)
    plain.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is no UTF-8 text"):
        recipes.load(plain)
    plain.write_text("extends = 3\n")
    with pytest.raises(ConfigError, match="must be the name of one recipe"):
        recipes.load(plain)
    plain.write_text('extends = "tinny"\n')
    with pytest.raises(ConfigError, match=r"plain\.toml: extends .*did you mean tiny"):
        recipes.load(plain)


def test_several_mistakes_are_counted(plain: Path) -> None:
    with pytest.raises(ConfigError, match=r"\(and 1 more\)"):
        recipes.load(plain, ["seed=-1", "stages.num_steps=0"])


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        ([], "A step is 4 problems x 16 = 64 rollouts -> 1 optimizer update, on-policy."),
        (
            ["stages.num_minibatches=4"],
            "A step is 4 problems x 16 = 64 rollouts -> 4 optimizer updates, off-policy after the first.",
        ),
        (
            ["stages.num_minibatches=2", "stages.num_reuses=3"],
            "A step is 4 problems x 16 = 64 rollouts -> 6 optimizer updates (2 minibatches x 3 passes), "
            "off-policy after the first.",
        ),
    ],
)
def test_describe(plain: Path, sets: list[str], sentence: str) -> None:
    assert recipes.describe(recipes.load(plain, sets)) == sentence


def test_describe_tells_stages_apart() -> None:
    sentence = recipes.describe(recipes.load("or1-math-7b"))
    assert sentence == (
        "A step is in stages 1-3 256 problems x 16 = 4,096 rollouts -> 2 optimizer updates, "
        "off-policy after the first; in stage 4 128 problems x 64 = 8,192 rollouts -> 2 optimizer updates, "
        "off-policy after the first."
    )
