"""Fetch the weather of the first quarter, and the forecast for the week that follows it."""

import datetime as dt

import storage
import world

FIRST_DAY = dt.date(2026, 1, 1)
PAST_DAYS, FORECAST_DAYS = 90, 7


def main() -> None:
    records = world.weather_service(FIRST_DAY, PAST_DAYS + FORECAST_DAYS)
    storage.save("weather-raw.json", records)


if __name__ == "__main__":
    main()
