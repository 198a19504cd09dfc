"""Become another program, one that dies with the process that asked for it.

Run as a script between `fork` and `exec`: the kernel's parent-death signal has to be asked for by
the child itself, and Python code in a forked child of a threaded parent (`preexec_fn`) can
deadlock, while a fresh interpreter cannot.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)
    os.execv(argv[0], argv)  # noqa: S606 - the whole point


if __name__ == "__main__":
    main()
