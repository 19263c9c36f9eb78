"""What pydantic refuses, in sentences: a documented one where there is one, else pydantic's own, with a code."""

from collections.abc import Mapping
from typing import Any

from lightbox_shared.errors.sentences import BLANK, NOT_A_STRING, NULL, REQUIRED, Sentence, too_long


def sentence_of(error: Mapping[str, Any]) -> str:  # noqa: PLR0911 - a line for each kind of error
    """The sentence for one error of pydantic."""
    context = error.get("ctx", {})
    message = str(error["msg"])
    match str(error["type"]):
        case "missing":
            return REQUIRED
        case "string_type":
            return NULL if error.get("input") is None else NOT_A_STRING
        case "string_too_short":
            least = context["min_length"]
            return BLANK if least == 1 else Sentence("too-short", message, least=least)
        case "string_too_long":
            return too_long(context["max_length"])
        case "value_error" if isinstance(said := str(context.get("error", "")), Sentence):
            return said
        case "greater_than_equal" | "greater_than":
            return Sentence("too-low", message, least=context.get("ge", context.get("gt")))
        case "less_than_equal" | "less_than":
            return Sentence("too-high", message, most=context.get("le", context.get("lt")))
        case "too_long":
            return Sentence("too-many", message, most=context["max_length"])
        case "too_short":
            return Sentence("too-few", message, least=context["min_length"])
        case "enum" | "literal_error":
            return Sentence("unknown-choice", message, expected=str(context["expected"]))
        case kind if kind.startswith(("int_", "float_", "finite_")):
            return Sentence("not-a-number", message)
        case kind if kind.startswith(("datetime_", "timezone_", "date_")):
            return Sentence("not-a-time", message)
    return message.removeprefix("Value error, ")
