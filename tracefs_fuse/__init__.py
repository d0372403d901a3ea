"""A lab for tracing khugepaged: the kernel's tracing files as a FUSE mount, without a kernel."""
