"""Publish how many umbrellas to put on the shelves in the week of the forecast."""

import json
from typing import Any

import storage
import train


def forecast(
    model: dict[str, Any], weather: list[dict[str, Any]], sales: dict[str, int]
) -> dict[str, Any]:
    """The prediction for each day that lies after the last sale."""
    week = [w for w in weather if w["day"] > max(sales)]
    return {
        "umbrellas": {w["day"]: max(0, round(train.predict(model["weights"], w))) for w in week},
        "meanErrorUmbrellas": model["meanErrorUmbrellas"],
        "trainedOnDays": model["trainedOnDays"],
    }


def main() -> None:
    prediction = forecast(
        storage.load("model.json"), storage.load("weather.json"), storage.load("sales.json")
    )
    text = json.dumps(prediction, indent=2)
    storage.write(storage.DATA / "published" / "prediction.json", text + "\n")
    print(text)


if __name__ == "__main__":
    main()
