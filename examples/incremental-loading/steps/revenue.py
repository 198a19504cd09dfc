"""Compute the revenue of each day of the interval."""

import os

import database

# It adds kronor to euros. examples/backfill finds out, and mends the past.
REVENUE = """
INSERT INTO revenue
SELECT date(placed), count(*), sum(cents), :run
FROM orders WHERE placed >= :start AND placed < :end
GROUP BY date(placed)
RETURNING day, orders, cents
"""


def main() -> None:
    start, end = database.interval()
    about = {"start": start, "end": end, "run": os.environ["KUBEDAG_RUN"]}
    with database.transaction() as shop:
        shop.execute("DELETE FROM revenue WHERE day >= date(:start) AND day < date(:end)", about)
        days = shop.execute(REVENUE, about).fetchall()
    for day, orders, cents in days:
        print(f"{day}: {orders} orders, {cents / 100:.2f}")


if __name__ == "__main__":
    main()
