"""How long property tests search: a number of examples that a run of all tests can wait for, or minutes.

    LIGHTBOX_PROPERTY_MINUTES=60 make test ARGS="tests/shared/images -n 0 --log-cli-level=INFO"

lets each test that uses `property_settings` search for an hour, and logs how many examples that were.
"""

import logging
import os
import time
from functools import wraps
from typing import Any, Final, TypeVar, cast

from hypothesis import is_hypothesis_test, settings

MINUTES: Final = "LIGHTBOX_PROPERTY_MINUTES"
# The time is looked at after so many examples; what Hypothesis remembers of them is forgotten then.
_ROUND: Final = 200

_Test = TypeVar("_Test")
_log = logging.getLogger(__name__)


def property_settings(max_examples: int) -> settings:
    """The settings of a property test: `max_examples` examples, or as many as fit into the minutes that the environment
    says. Written above `@given`."""
    minutes = float(os.environ.get(MINUTES) or 0)
    return _SearchFor(minutes) if minutes else settings(max_examples=max_examples)


class _SearchFor(settings):
    """Runs a test again and again, each time with other examples, until the time is over or an example fails."""

    def __init__(self, minutes: float) -> None:
        super().__init__(max_examples=_ROUND, derandomize=False)
        self._seconds = 60 * minutes

    def __call__(self, test: _Test) -> _Test:
        if not is_hypothesis_test(test):
            raise TypeError("property_settings(...) stands above @given(...).")
        once: Any = super().__call__(test)

        @wraps(once)
        def search(*args: Any, **kwargs: Any) -> None:
            end, rounds = time.monotonic() + self._seconds, 0
            while time.monotonic() < end:
                once(*args, **kwargs)
                rounds += 1
            _log.info("%s: no failure in %d examples", once.__name__, rounds * _ROUND)

        return cast("_Test", search)
