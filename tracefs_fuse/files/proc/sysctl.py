"""``/proc/sys/kernel``: settings that tracing clients look for or write.

Modelled after proc_dointvec_minmax() (kernel/sysctl.c).
"""

from __future__ import annotations

import errno
import re

from tracefs_fuse.files.node import OpenFile, Request, TextFile, writes
from tracefs_fuse.tracing.numbers import parse_signed, refuse

_INT_MIN, _INT_MAX = -(1 << 31), (1 << 31) - 1
_FIRST_WORD = re.compile(r"\s*(\S+)")


class Setting(TextFile):
    """A number; the lab itself does nothing with it."""

    def __init__(self, value: int, lowest: int = _INT_MIN, highest: int = _INT_MAX) -> None:
        super().__init__(0o644, lambda: f"{self.value}\n", self._store, at_once=True, splices=True)
        self.value = value
        self._range = lowest, highest

    def _store(self, request: Request, data: bytes) -> None:
        """The first number is taken; EINVAL when there is none, or one that may not be."""
        word = _FIRST_WORD.match(data.decode("latin-1"))
        try:
            value = parse_signed(word[1] if word else "", base0=True)
        except OSError:
            raise refuse(errno.EINVAL) from None
        lowest, highest = self._range
        if not lowest <= value <= highest:
            raise refuse(errno.EINVAL)
        self.value = value


class SettingThatStaysOn(Setting):
    """``ftrace_enabled`` where functions may always be traced: 0 is refused, and makes it 1."""

    def _store(self, request: Request, data: bytes) -> None:
        super()._store(request, data)
        if not self.value:
            self.value = 1
            raise refuse(errno.EOPNOTSUPP)


class SettingText(TextFile):
    """A line that can't be changed: proc_dostring() of kernel/utsname_sysctl.c."""

    def __init__(self, line: str) -> None:
        super().__init__(0o444, lambda: f"{line}\n", at_once=True, splices=True)

    def open(self, request: Request, flags: int) -> OpenFile:
        """EACCES for writing, root included: proc_sys_permission() in fs/proc/proc_sysctl.c."""
        if writes(flags):
            raise refuse(errno.EACCES)
        return super().open(request, flags)
