"""Load the orders of the interval, and put them in the place of what was loaded for it before.

To delete and insert in one transaction is what makes a second run of the same interval harmless.
"""

import database
import source


def main() -> None:
    start, end = database.interval()
    orders = source.between(start, end)
    with database.transaction() as shop:
        shop.execute("DELETE FROM orders WHERE placed >= ? AND placed < ?", (start, end))
        shop.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", orders)
    print(f"{len(orders)} orders placed from {start} to {end}")


if __name__ == "__main__":
    main()
