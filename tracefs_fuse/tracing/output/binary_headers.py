"""What tells a reader of raw pages how they are encoded: events/header_page, events/header_event.

Modelled after ring_buffer_print_page_header() and ring_buffer_print_entry_header()
(kernel/trace/ring_buffer.c).
"""

from __future__ import annotations

from tracefs_fuse.tracing.buffer_page import PAGE_HEADER_SIZE, PAGE_SIZE
from tracefs_fuse.tracing.versions import KernelVersion

_EVENT = """\
# compressed entry header
\ttype_len    :    5 bits
\ttime_delta  :   27 bits
\tarray       :   32 bits

\tpadding     : type == 29
\ttime_extend : type == 30
\ttime_stamp : type == 31
\tdata max type_len  == 28
"""


def header_page_text(version: KernelVersion, order: int) -> str:
    """The ``header_page`` file; order: sub-buffers have 2**order pages."""
    overwrite_type, overwrite_size, overwrite_signed = version.overwrite_field
    data_size = (PAGE_SIZE << order) - PAGE_HEADER_SIZE
    fields = (
        ("u64", "timestamp", 0, 8, 0),
        ("local_t", "commit", 8, 8, 1),
        (overwrite_type, "overwrite", 8, overwrite_size, overwrite_signed),
        ("char", "data", PAGE_HEADER_SIZE, data_size, int(not version.char_is_unsigned)),
    )
    return "".join(
        f"\tfield: {type_} {name};\toffset:{offset};\tsize:{size};\tsigned:{signed};\n"
        for type_, name, offset, size, signed in fields
    )


def header_event_text() -> str:
    """The ``header_event`` file."""
    return _EVENT
