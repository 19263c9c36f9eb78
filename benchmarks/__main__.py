"""`python -m benchmarks`: measure, print progress, write the results."""

import argparse
import sys

from benchmarks import accounts, gateway, inference, logins, memory, token_check
from benchmarks.collection import coap, download, ingest, scale, seed
from benchmarks.harness import BenchmarkError, Effort, run

DEFAULT = Effort()
SUBJECTS = (
    inference.SUBJECT,
    gateway.SUBJECT,
    memory.SUBJECT,
    logins.SUBJECT,
    token_check.SUBJECT,
    accounts.SUBJECT,
    ingest.SUBJECT,
    download.SUBJECT,
    seed.SUBJECT,
    coap.SUBJECT,
    scale.SUBJECT,
)


def main() -> int:
    """The exit code; a missed target is a result, not a failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help="ids of rows, separated by commas; the others stay as they were")
    parser.add_argument("--rounds", type=int, default=DEFAULT.rounds, help="of each row (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=DEFAULT.seconds, help="a measurement (default: %(default)s)")
    options = parser.parse_args()
    only = [each.strip() for each in options.only.split(",") if each.strip()]
    try:
        run(SUBJECTS, only, Effort(options.rounds, options.seconds))
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
