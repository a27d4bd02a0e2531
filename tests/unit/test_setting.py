"""Settings by key, and whether each may change when a run resumes."""

from __future__ import annotations

import pytest

from or1 import recipes
from or1.setting import OnResume, changes_between, settings_of

RUN = recipes.load("tiny")
CLASSES = {each.key: each.on_resume.value for each in settings_of(RUN)}


@pytest.mark.parametrize(
    ("key", "on_resume"),
    [
        ("tracking.console", "free"),  # stated by the table
        ("checkpoint.keep", "free"),
        ("evaluation.every", "free"),
        ("model.path", "free"),  # the hash of the model counts, not its place
        ("data.0.path", "free"),
        ("system.tokens_per_microbatch", "machine"),
        ("system.recompute_activations", "machine"),
        ("system.threads", "machine"),
        ("rollout.max_running", "machine"),
        ("system.deterministic", "science"),  # another compute type
        ("system.optimizer_bits", "science"),  # other updates
        ("optimizer.learning_rate", "science"),  # stated nowhere
        ("stages.0.num_steps", "science"),
        ("max_empty_steps", "science"),
        ("evaluation.temperature", "science"),
        ("seed", "never"),
        ("data.0.weight", "never"),
        ("model.dtype", "never"),
        ("model.chat.template", "never"),  # stated by a table two levels up
    ],
)
def test_classes(key: str, on_resume: str) -> None:
    assert CLASSES[key] == on_resume


def test_changes_have_both_values_and_the_class_of_the_side_that_has_them() -> None:
    longer = [*(stage.model_dump() for stage in RUN.stages), RUN.stages[-1].model_dump()]
    other = recipes.load("tiny", ["seed=9"], {"stages": longer, "tracking.console": False})
    found = {change.key: change for change in changes_between(RUN, other)}
    added = len(RUN.stages)
    assert (found["seed"].old, found["seed"].new, found["seed"].on_resume) == (1, 9, OnResume.NEVER)
    assert found["tracking.console"].arrow == "tracking.console true -> false"
    assert str(found[f"stages.{added}.num_problems"]) == (
        f"stages.{added}.num_problems is not set there, {RUN.stages[-1].num_problems} here"
    )
    assert {change.on_resume for change in found.values() if change.key.startswith("stages.")} == {"science"}
    assert changes_between(RUN, RUN) == []
