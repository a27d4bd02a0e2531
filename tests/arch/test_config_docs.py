"""Every setting says what it is, and every number its unit."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pydantic.fields import FieldInfo

from or1 import config
from or1.config import Config
from or1.curate import config as curate_config
from or1.curate import settings as curate_settings
from or1.lab import experiment as lab_experiment
from or1.lab import findings as lab_findings
from or1.recipes.schema import allowed

UNIT = re.compile(r"\[[^\]]+\]|dimensionless")
COUNTED = re.compile(
    r"(?i)\b(steps|rollouts|problems|minibatches|passes|updates|threads|copies|checkpoints|responses|k of)\b"
)


def fields() -> Iterator[tuple[str, FieldInfo]]:
    named = {**vars(config), **vars(curate_config), **vars(curate_settings)}
    named |= {**vars(lab_experiment), **vars(lab_findings)}
    models = [m for m in named.values() if isinstance(m, type) and issubclass(m, Config)]
    for model in models:
        for name, field in model.model_fields.items():
            yield f"{model.__name__}.{name}", field


FIELDS = dict(fields())


def test_all_models_are_seen() -> None:
    assert {name.split(".")[0] for name in FIELDS} >= {
        "RunConfig",
        "StageConfig",
        "LossConfig",
        "EntropyConfig",
    }


@pytest.mark.parametrize("name", [n for n in FIELDS if not allowed(FIELDS[n]).endswith("table")])
def test_field_has_a_docstring(name: str) -> None:
    if allowed(FIELDS[name]) in ("a list of tables",) or name == "RunConfig.model":
        return
    assert FIELDS[name].description, f"{name} has no docstring"


UNITLESS = {"RunConfig.seed", "CurateConfig.seed"}
NUMBERS = [n for n in FIELDS if allowed(FIELDS[n]).startswith(("a number", "a whole number"))]


@pytest.mark.parametrize("name", sorted(set(NUMBERS) - UNITLESS))
def test_number_has_a_unit(name: str) -> None:
    about = FIELDS[name].description or ""
    assert UNIT.search(about) or COUNTED.search(about), (
        f"{name}: {about!r} gives neither unit nor 'dimensionless'"
    )
