"""Count a line that was sent twice once, and drop the days on which a till was offline.

A day with one shop missing would look like a day on which fewer people wanted an umbrella.
"""

import storage


def clean(lines: list[list[str]]) -> dict[str, int]:
    """Umbrellas sold per day, all shops together, for the days that are complete."""
    sold = {(day, shop): umbrellas for day, shop, umbrellas in lines}
    incomplete = {day for (day, _), umbrellas in sold.items() if umbrellas == "n/a"}
    total: dict[str, int] = {}
    for (day, _), umbrellas in sold.items():
        if day not in incomplete:
            total[day] = total.get(day, 0) + int(umbrellas)
    return total


def main() -> None:
    lines = storage.load("sales-raw.json")
    tidy = clean(lines)
    print(f"{len(lines)} lines became {len(tidy)} complete days")
    storage.save("sales.json", tidy)


if __name__ == "__main__":
    main()
