"""``python -m tracefs_fuse.cli``: the command ``tracefs-fuse``."""

import sys

from tracefs_fuse.cli.main import main

sys.exit(main())
