"""The command: ``python -m dev.demo``."""

from __future__ import annotations

import sys

from .main import main

sys.exit(main())
