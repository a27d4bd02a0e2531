"""Declaration of a metric: key, unit and meaning stand once, at the dataclass field that holds the value.

    clip_fraction: Annotated[float, Metric("train/clip_fraction", "fraction", "tokens that were clipped")]

Log rows, docs/metrics.md, TensorBoard, Weights & Biases and the formats of the console follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

Value = float | int | str | list[int] | list[str]
Row = dict[str, Value]
"""One line of a log file: key -> value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of the logs, or a family of them."""

    key: str
    """A key with a name in braces is a family: `rollout/reward_mean/{source}` is one key per source."""
    unit: str
    meaning: str

    def member(self, name: str) -> str:
        """The key of one member of a family.

        >>> Metric("time/{phase}_s", "s", "").member("rollout")
        'time/rollout_s'
        """
        head, _, tail = self.key.partition("{")
        return head + name + tail.partition("}")[2]


def metrics_of(owner: type[Any]) -> Mapping[str, Metric]:
    """Field name -> metric, in field order, for the fields of a dataclass that declare one."""
    hints = get_type_hints(owner, include_extras=True)
    names = [item.name for item in fields(owner)]
    return {name: part for name in names for part in get_args(hints[name]) if isinstance(part, Metric)}


def key_of(owner: type[Any], field: str) -> str:
    """The key that a field's declaration gives: code that reads a log names the field, not the key.

    Raises:
        KeyError: the field declares no metric.
    """
    return metrics_of(owner)[field].key


def row_of(values: Any, member: str = "") -> Row:
    """Key -> value for each metric of a dataclass instance, in field order.

    A field that is None or an empty tuple gives no key: a missing measurement is not a zero. A mapping gives
    one key per entry.

    Args:
        values: an instance of a dataclass whose fields declare metrics.
        member: put in place of the braces in keys of families.
    """
    row: Row = {}
    for name, metric in metrics_of(type(values)).items():
        value = getattr(values, name)
        if isinstance(value, Mapping):
            row |= {metric.member(entry): value[entry] for entry in value}
        elif isinstance(value, tuple):
            row |= {metric.key: list(value)} if value else {}
        elif value is not None:
            row[metric.member(member) if "{" in metric.key else metric.key] = value
    return row
