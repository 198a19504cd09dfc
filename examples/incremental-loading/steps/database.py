"""The SQLite file that all runs share, and the interval that this one is about.

SQLite takes one writer at a time. A transaction here is some milliseconds, and says at its beginning
that it will write; so however many runs are active, each waits for a moment and none fails.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator

FILE = os.environ.get("DATABASE", "/data/shop.db")
WAIT_SECONDS_MAX = 60

TABLES = (
    "CREATE TABLE IF NOT EXISTS orders"
    " (id TEXT PRIMARY KEY, placed TEXT, cents INTEGER, currency TEXT)",
    "CREATE TABLE IF NOT EXISTS revenue"
    " (day TEXT PRIMARY KEY, orders INTEGER, cents INTEGER, run TEXT)",
)


def interval() -> tuple[str, str]:
    """The data interval of this run: its start, and the first instant after it."""
    return os.environ["KUBEDAG_DATA_INTERVAL_START"], os.environ["KUBEDAG_DATA_INTERVAL_END"]


@contextlib.contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """All or nothing: a step that is killed half-way leaves the file as it was."""
    # Told by hand when a transaction begins, sqlite3 does not begin one too late by itself.
    connection = sqlite3.connect(FILE, timeout=WAIT_SECONDS_MAX, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            connection.execute(table)
        yield connection
        connection.execute("COMMIT")
    finally:
        connection.close()  # without a COMMIT, this undoes everything
