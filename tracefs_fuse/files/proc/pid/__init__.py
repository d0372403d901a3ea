"""``/proc/PID``: the folder of one process, of the lab or of the caller's (fs/proc/base.c).

:mod:`tree` declares the folder; each other module makes the text of one file.
"""
