"""The values of a label's field as categories: which are the same, and their order.

A value is any JSON value. `true`, `1` and `"1"` are three categories. A list stands for the set of its values, as for a
question where several answers may be ticked: `[701, 702]`, `[702, 701]` and `[702, 701, 701]` are one category, and
`[701]` is another one than `701`. Numbers are compared by their value, so `1.0` is `1`.
"""

import json
import re
from typing import Final

from pydantic import JsonValue

OrderKey = tuple[int, float, str]

_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)
_BOOLEAN, _NUMERIC, _NUMERIC_TEXT, _TEXT, _OTHER = range(5)


def category(value: JsonValue) -> JsonValue:
    """The value by which a category is named: the same for all values that are the same category."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        distinct = {category_key(part): category(part) for part in value}
        return sorted(distinct.values(), key=natural_order)
    if isinstance(value, dict):
        return {key: category(part) for key, part in value.items()}
    return value


def category_key(value: JsonValue) -> str:
    """A text that is equal for two values exactly if they are the same category."""
    return json.dumps(category(value), sort_keys=True)


def natural_order(value: JsonValue) -> OrderKey:
    """The key for sorting categories: booleans, numbers by value, strings that are numbers by value, other strings, and
    everything else."""
    if isinstance(value, bool):
        return _BOOLEAN, float(value), ""
    if isinstance(value, int | float):
        return _NUMERIC, _as_float(value), repr(value)
    if isinstance(value, str):
        return (_NUMERIC_TEXT, float(value), value) if _NUMBER.fullmatch(value) else (_TEXT, 0.0, value)
    return _OTHER, 0.0, json.dumps(value, sort_keys=True)


def have_one_type(values: tuple[JsonValue, ...]) -> bool:
    """Whether the values are all booleans, all numbers, or all strings, so that their natural order has a meaning."""
    types = {float if isinstance(value, int) and not isinstance(value, bool) else type(value) for value in values}
    return len(types) < 2 and types <= {bool, float, str}


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer past the largest float
        return float("inf") if value > 0 else float("-inf")
