"""The command ``python3 -m dev.cluster``: see ``cli``."""

import sys

from .cli import main

sys.exit(main())
