"""Compute the revenue of each day of the interval, in euros."""

import os

import database

# What a thousand of a currency's cents are worth, in cents of a euro.
REVENUE = """
WITH rates (currency, worth) AS (VALUES ('EUR', 1000), ('USD', 862), ('GBP', 1150), ('SEK', 90))
INSERT INTO revenue
SELECT date(placed), count(*), sum(cents * worth) / 1000, :run
FROM orders JOIN rates USING (currency) WHERE placed >= :start AND placed < :end
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
        print(f"{day}: {orders} orders, {cents / 100:.2f} EUR")


if __name__ == "__main__":
    main()
