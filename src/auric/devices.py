"""GPUs of one machine, given to one job each: a job takes a free one for as long as its process lives, and waits where there is none.

Locks of the operating system hold the devices, so that a killed job holds none. They lie in the machine's folder for temporary
files: jobs of other studies and folders of the same user are minded too.
"""

import fcntl
import logging
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

log = logging.getLogger("auric")
LOOK_S = 1.0
ANSWER_S = 60
"""So long may NVIDIA's driver take to tell its devices."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
DRIVER = Path("/dev")
"""Where the driver shows its devices."""
_held: dict[str, IO[str]] = {}


def gpus_asked(device: str) -> int:
    """GPUs that a job asks its scheduler for, 0 or 1.

    Args:
        device: `cpu`, `cuda`, or `auto`, which asks for one where this machine has any.
    """
    return int(device == "cuda" or (device == "auto" and any(DRIVER.glob("nvidia[0-9]*"))))


def claim_gpu() -> None:
    """Take a GPU and show this process no other; to be called before any CUDA library is loaded, as these look only once.

    Where the driver tells of none, nothing is taken, and the library says what is missing.
    """
    if _held:
        return
    if names := _visible():
        os.environ[VISIBLE] = names[take_gpu(names)]


def _visible() -> list[str]:
    """UUIDs of the devices that this process may use."""
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=True)  # noqa: S603  (no input)
    except (OSError, subprocess.SubprocessError):
        return []
    uuids = done.stdout.split()
    allowed = os.environ.get(VISIBLE)
    if allowed is None:
        return uuids
    words = [word.strip() for word in allowed.split(",") if word.strip()]
    return [uuids[int(word)] if word.isdecimal() and int(word) < len(uuids) else word for word in words]


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
            plain = re.sub("[^A-Za-z0-9-]", "_", name.removeprefix("GPU-"))  # PyTorch leaves the beginning out
            file = (place / f"{plain}.lock").open("a")
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
