"""The limit of the machine: the gallery's two sizes made of JPEG files by libvips, in a loop on all cores, without a
service and a database. Runs in an environment of its own: `python vips_loop.py <folder> <processes>` prints the number
of pictures and the time in seconds.
"""

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyvips

SIZES = ((180, 115), (700, 525))
QUALITY = 85


def both_sizes(path: str) -> int:
    """Make both sizes of a file in memory, upright and stretched. Returns the number of bytes."""
    data = Path(path).read_bytes()
    made = 0
    for width, height in SIZES:
        image = pyvips.Image.thumbnail_buffer(data, width, height=height, size="force")
        made += len(image.jpegsave_buffer(Q=QUALITY, strip=True))
    return made


def main(folder: str, processes: str) -> None:
    """Print the number of pictures and the seconds."""
    paths = sorted(str(each) for each in Path(folder).iterdir())
    with ProcessPoolExecutor(int(processes)) as pool:
        list(pool.map(both_sizes, paths[: int(processes)]))  # the processes have started, and loaded the library
        begin = time.perf_counter()
        made = list(pool.map(both_sizes, paths, chunksize=4))
        took = time.perf_counter() - begin
    print(json.dumps({"pictures": len(made), "seconds": took}))


if __name__ == "__main__":
    # A process for each core is the better way: libvips' own threads stay idle then.
    pyvips.voperation.cache_set_max(0)
    main(*sys.argv[1:])
