"""Pseudo-files: what each path of the lab reads and writes, over the tracing core and the engine.

In the spirit of kernfs: a tree of :class:`~tracefs_fuse.files.node.Node`, declared as nested
literals that look like the listing in a shell.  A node is permanent and holds no state of its own;
what a process has open is an :class:`~tracefs_fuse.files.node.OpenFile`, made at open and released
at close.  Nothing here knows FUSE: whoever serves the tree resolves paths, checks permissions, and
holds the lab's lock during each call.
"""
