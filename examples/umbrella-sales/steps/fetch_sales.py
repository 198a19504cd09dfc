"""Fetch what the tills of the three shops sold in the first quarter."""

import datetime as dt

import storage
import world

FIRST_DAY = dt.date(2026, 1, 1)
DAYS = 90


def main() -> None:
    storage.save("sales-raw.json", world.tills(FIRST_DAY, DAYS))


if __name__ == "__main__":
    main()
