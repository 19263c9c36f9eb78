"""The command `python -m benchmarks`: run the benchmarks, print progress, and write the results."""

import argparse
import sys

from benchmarks import accounts, gateway, inference, logins, memory, token_check
from benchmarks.annotation import bulk, label_studio_peer
from benchmarks.annotation import scale as annotation_scale
from benchmarks.collection import coap, django_peer, download, ingest, scale
from benchmarks.console import loading, next_picture, scrolling, serving, windowing
from benchmarks.gallery import adding, files, pages
from benchmarks.harness import BenchmarkError, Effort, run

DEFAULT = Effort()
SUITES = (
    inference.SUITE,
    gateway.SUITE,
    memory.SUITE,
    logins.SUITE,
    token_check.SUITE,
    accounts.SUITE,
    ingest.SUITE,
    download.SUITE,
    django_peer.SUITE,
    coap.SUITE,
    scale.SUITE,
    label_studio_peer.SUITE,
    annotation_scale.SUITE,
    bulk.SUITE,
    pages.SUITE,
    adding.SUITE,
    files.SUITE,
    loading.SUITE,
    next_picture.SUITE,
    windowing.SUITE,
    scrolling.SUITE,
    serving.SUITE,
)


def main() -> int:
    """Run the benchmarks and return the exit code. A missed target is not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help="ids of rows, separated by commas; the others stay as they were")
    parser.add_argument("--rounds", type=int, default=DEFAULT.rounds, help="of each row (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=DEFAULT.seconds, help="a measurement (default: %(default)s)")
    options = parser.parse_args()
    only = [each.strip() for each in options.only.split(",") if each.strip()]
    try:
        run(SUITES, only, Effort(options.rounds, options.seconds))
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
