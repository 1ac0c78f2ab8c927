"""GPUs of one machine, given to one job each: a job takes a free one for as long as its process lives, and waits where there is none.

Locks of the operating system hold the devices, so that a killed job holds none. They lie in the machine's folder for temporary
files: jobs of other studies and folders of the same user are minded too.
"""

import fcntl
import logging
import os
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

log = logging.getLogger("auric")
LOOK_S = 1.0
_held: dict[str, IO[str]] = {}


def take_gpu(names: Sequence[str], *, folder: Path | None = None) -> int:
    """Take a GPU that no other job has; asked again, the process is given the one it has.

    Args:
        names: What identifies each device that this process may use, its UUID rather than its number: inside of an allocation
            every job counts its own from 0.
        folder: Where the locks lie (default: the user's own, in the folder for temporary files).

    Returns:
        Which of `names` it is.
    """
    place = folder or Path(tempfile.gettempdir(), f"auric-gpus-{os.getuid()}")
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, name in enumerate(names):
        if name in _held:
            return number
    told = False
    while True:
        for number, name in enumerate(names):
            file = (place / f"{re.sub('[^A-Za-z0-9-]', '_', name)}.lock").open("a")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            _held[name] = file
            log.info("on GPU %d of %d (%s)", number, len(names), name)
            return number
        if not told:
            log.info("all %d GPUs are taken by other jobs; waiting for one", len(names))
            told = True
        time.sleep(LOOK_S)
