"""What the C library does with memory that numerical libraries free."""

import ctypes

KEPT_BYTES = 2**30
"""Freed blocks up to this size, and as much free memory at the end of the heap, are kept for the next request."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4


def keep_freed_memory() -> bool:
    """Tell glibc to use large blocks again that this process has freed, instead of giving each back to the system at once.

    By default a block above 32 MB comes from the system and goes back to it; its pages are cleared and mapped again at the next
    request. Trainings and self-consistent fields make and free such blocks in every step. Numbers do not change; the largest memory
    of a process grows by about a tenth.

    Returns:
        Whether the C library knows the settings; where it does not, nothing changes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library, or another system
        return False
    # Older versions take no threshold above 32 MB; then no block at all comes from the system by itself.
    own = mallopt(M_MMAP_THRESHOLD, KEPT_BYTES) or mallopt(M_MMAP_MAX, 0)
    return bool(own and mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
