"""How an access to memory ends that can't be had."""

from __future__ import annotations

import errno


class SegmentationFault(OSError):
    """Nothing is mapped at the address, or not for this: SIGSEGV.  ``errno`` is EFAULT."""

    def __init__(self) -> None:
        super().__init__(errno.EFAULT, "Segmentation fault")


class BusError(OSError):
    """The page that is mapped can't be had: SIGBUS.  ``errno`` is EFAULT."""

    def __init__(self) -> None:
        super().__init__(errno.EFAULT, "Bus error")
