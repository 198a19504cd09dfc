"""Drop the days without a rain reading, and speak Celsius throughout."""

from typing import Any

import storage


def clean(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Days with a rain reading, their temperature in °C."""
    return [
        {"day": r["day"], "rain_mm": r["rain_mm"], "celsius": celsius(r)}
        for r in records
        if r["rain_mm"] is not None
    ]


def celsius(record: dict[str, Any]) -> float:
    if record["unit"] == "F":
        return round((float(record["temperature"]) - 32) * 5 / 9, 1)
    return float(record["temperature"])


def main() -> None:
    raw = storage.load("weather-raw.json")
    tidy = clean(raw)
    print(f"kept {len(tidy)} of {len(raw)} days")
    storage.save("weather.json", tidy)


if __name__ == "__main__":
    main()
