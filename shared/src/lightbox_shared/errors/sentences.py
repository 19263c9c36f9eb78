"""Sentences about what is wrong: for people, and with a code for programs that say it in another language.

Those about single fields are used wherever fields are checked. Clients of CheXRay rely on them.
"""

from typing import Any, Final, Self


class Sentence(str):
    """A sentence of an error that has a code, and the values that stand in it by their names.

    It goes wherever a text does, through `ValueError` and pydantic too; problem details have its code and parameters
    beside it. A parameter called `bytes` is a number of bytes.
    """

    __slots__ = ("code", "parameters")
    code: str
    parameters: dict[str, str | int | float]

    def __new__(cls, code: str, text: str, /, **parameters: str | float) -> Self:
        """The sentence `text`, which has the parameters in it already."""
        made = super().__new__(cls, text)
        made.code = code
        made.parameters = parameters
        return made

    def __str__(self) -> str:
        """Itself: `str` of an exception that was raised with it is a sentence still."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """To be copied, and sent to other processes, with its code."""
        return _again, (self.code, "".join(self), self.parameters)

    def reworded(self, text: str) -> "Sentence":
        """Another text that says the same."""
        return _again(self.code, text, self.parameters)

    @property
    def members(self) -> dict[str, object]:
        """The code, and the parameters if there are any, as members of problem details."""
        return {"code": self.code, **({"parameters": self.parameters} if self.parameters else {})}


def _again(code: str, text: str, parameters: dict[str, str | float]) -> Sentence:
    return Sentence(code, text, **parameters)


def members_of(sentence: str) -> dict[str, object]:
    """The members that problem details have beside this text: none for one without a code."""
    return sentence.members if isinstance(sentence, Sentence) else {}


REQUIRED: Final = Sentence("required", "This field is required.")
BLANK: Final = Sentence("blank", "This field may not be blank.")
NULL: Final = Sentence("null", "This field may not be null.")
NOT_A_STRING: Final = Sentence("not-a-string", "Not a valid string.")
NULL_CHARACTERS: Final = Sentence("null-characters", "Null characters are not allowed.")
CONTROL_CHARACTERS: Final = Sentence("control-characters", "Control characters are not allowed.")
NOT_PRINTABLE: Final = Sentence("not-printable", "Only printable characters are allowed.")
NO_ZONE: Final = Sentence("no-zone", "A time needs its zone, such as Z.")
TIME_OUT_OF_RANGE: Final = Sentence("time-out-of-range", "A time in the years 1 to 9999, in UTC.")
TIME_IS_OVER: Final = Sentence("time-is-over", "This time is over.")
NO_FILE: Final = Sentence("no-file", "No file was submitted.")
EMPTY_FILE: Final = Sentence("empty-file", "The submitted file is empty.")


def too_long(most: int) -> Sentence:
    """The sentence for a text of more than `most` characters."""
    return Sentence("too-long", f"Ensure this field has no more than {most} characters.", most=most)


def too_short(least: int) -> Sentence:
    """The sentence for a text of less than `least` characters."""
    return Sentence("too-short", f"Ensure this field has at least {least} characters.", least=least)
