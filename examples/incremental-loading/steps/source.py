"""The outside world: a shop that takes orders all year round, in four currencies.

A real pipeline asks an API or a message log here. This one is made up, so that the example needs no
network and gives everybody the same numbers: the orders of a day come from a generator seeded with
it, and are the same whenever somebody asks. To see a year of them: python source.py 2025
"""

import datetime as dt
import math
import random
import sys
from collections.abc import Iterator
from typing import NamedTuple

PRICE_OF_A_EURO = {"EUR": 1.0, "USD": 1.16, "GBP": 0.87, "SEK": 11.1}
CURRENCIES = ("EUR", "EUR", "EUR", "USD", "USD", "GBP", "SEK")
DAY_SECONDS = 24 * 60 * 60


class Order(NamedTuple):
    """One order. The instant is RFC 3339 in UTC, so that order of text is order of time."""

    id: str
    placed: str
    cents: int
    currency: str


def of_day(day: dt.date) -> list[Order]:
    """The orders of one day in UTC, earliest first: 10 to 40, and more before Christmas."""
    chance = random.Random(f"orders {day}")
    season = 1 + math.exp(-(((day.timetuple().tm_yday - 350) / 14) ** 2))
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    orders = []
    for second in sorted(
        int(chance.random() * DAY_SECONDS) for _ in range(int((10 + 10 * chance.random()) * season))
    ):
        placed = (midnight + dt.timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")
        currency = CURRENCIES[int(chance.random() * len(CURRENCIES))]
        cents = int((500 + chance.random() * 20_000) * PRICE_OF_A_EURO[currency])
        orders.append(Order(f"{day:%Y%m%d}-{len(orders) + 1:03}", placed, cents, currency))
    return orders


def between(start: str, end: str) -> list[Order]:
    """The orders from start on and before end, whatever stretch of time that is."""
    first, last = (dt.datetime.fromisoformat(instant).date() for instant in (start, end))
    days = (first + dt.timedelta(days=n) for n in range((last - first).days + 1))
    return [order for day in days for order in of_day(day) if start <= order.placed < end]


def of_year(year: int) -> Iterator[Order]:
    """All orders of a year."""
    yield from between(f"{year}-01-01T00:00:00Z", f"{year + 1}-01-01T00:00:00Z")


if __name__ == "__main__":
    for order in of_year(int(sys.argv[1])):
        print(*order, sep=",")
