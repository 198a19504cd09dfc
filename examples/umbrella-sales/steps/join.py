"""Put weather and sales of the same day into one row."""

from typing import Any

import storage


def join(weather: list[dict[str, Any]], sales: dict[str, int]) -> list[dict[str, Any]]:
    """One row for each day that both sources know."""
    return [w | {"umbrellas": sales[w["day"]]} for w in weather if w["day"] in sales]


def main() -> None:
    rows = join(storage.load("weather.json"), storage.load("sales.json"))
    print(f"{len(rows)} days have both")
    storage.save("training.json", rows)


if __name__ == "__main__":
    main()
