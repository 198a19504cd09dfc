"""The command: ``python3 -m dev.cluster VERB``."""

from __future__ import annotations

import sys

from . import tools

if sys.argv[1:2] == ["tools"]:
    for path in tools.ensure(*sys.argv[2:]).values():
        print(path)
