"""The outside world: a weather service and the tills of three umbrella shops.

A real pipeline calls two APIs here. These two are made up, so that the example needs no network
and gives everybody the same numbers: all figures of a day come from a generator seeded with it.
They are as untidy as real ones, or there would be nothing to clean.
"""

import datetime as dt
import math
import random
from typing import Any

SHOPS = ("harbour", "market", "station")


def true_weather(day: dt.date) -> tuple[float, float]:
    """Rain in mm and temperature in °C, as they really were."""
    chance = random.Random(f"weather {day}")
    rain_mm = round(chance.uniform(0.2, 20.0), 1) if chance.random() < 0.45 else 0.0
    season = math.cos((day.timetuple().tm_yday - 200) / 365 * 2 * math.pi)
    return rain_mm, round(11 + 8 * season + chance.uniform(-4, 4), 1)


def weather_service(first: dt.date, days: int) -> list[dict[str, Any]]:
    """One record a day: some days without a rain reading, and some in Fahrenheit."""
    records = []
    for day in (first + dt.timedelta(days=n) for n in range(days)):
        chance = random.Random(f"station {day}")
        rain_mm, celsius = true_weather(day)
        record = {"day": str(day), "rain_mm": rain_mm, "temperature": celsius, "unit": "C"}
        if chance.random() < 0.08:
            record["rain_mm"] = None
        if chance.random() < 0.20:
            record.update(temperature=round(celsius * 9 / 5 + 32, 1), unit="F")
        records.append(record)
    return records


def tills(first: dt.date, days: int) -> list[tuple[str, str, str]]:
    """Lines of (day, shop, umbrellas sold): some are sent twice, and some tills were offline."""
    lines = []
    for day in (first + dt.timedelta(days=n) for n in range(days)):
        rain_mm, celsius = true_weather(day)
        weekend = day.weekday() >= 5
        for size, shop in enumerate(SHOPS, start=1):
            chance = random.Random(f"till {shop} {day}")
            demand = size * (4 + 1.5 * rain_mm - 0.1 * celsius + 3 * weekend)
            line = (str(day), shop, str(max(0, round(demand + chance.uniform(-3, 3)))))
            if chance.random() < 0.03:
                line = (str(day), shop, "n/a")
            lines.extend([line, line] if chance.random() < 0.05 else [line])
    return lines
