"""``python -m benchmarks.constant FOLDER``: the least that a fusepy file costs.

Serves one file, ``constant``, with what comes from standard input, at most a page a read, as
``trace_pipe`` gives it.  Ends when it is unmounted.
"""

from __future__ import annotations

import stat
import sys
from typing import Any

import fuse

_PAGE = 4096


class Constant(fuse.Operations):  # type: ignore[misc]
    """The root and one file."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def getattr(self, path: str, fh: Any = None) -> dict[str, int]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path != "/constant":
            raise fuse.FuseOSError(2)
        return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": len(self._content)}

    def read(self, path: str, size: int, offset: int, fh: Any) -> bytes:
        return self._content[offset : offset + min(size, _PAGE)]


if __name__ == "__main__":
    fuse.FUSE(Constant(sys.stdin.buffer.read()), sys.argv[1], foreground=True, direct_io=True)
