"""Fit umbrellas sold to rain, temperature and weekend: ordinary least squares, in plain Python.

The last two weeks are kept back to see how good the model is on days it has not seen.
"""

import datetime as dt
from typing import Any

import storage

HELD_BACK_DAYS = 14


def features(day: str, rain_mm: float, celsius: float) -> list[float]:
    """What the model looks at: a constant, rain, temperature, and whether it is a weekend."""
    return [1.0, rain_mm, celsius, float(dt.date.fromisoformat(day).weekday() >= 5)]


def least_squares(x: list[list[float]], y: list[float]) -> list[float]:
    """The weights w with the smallest |xw - y|², from the normal equations."""
    n = len(x[0])
    rows = [
        [sum(r[i] * r[j] for r in x) for j in range(n)]
        + [sum(r[i] * t for r, t in zip(x, y, strict=True))]
        for i in range(n)
    ]
    for i in range(n):  # Gauss-Jordan, with the largest pivot for numerical peace
        best = max(range(i, n), key=lambda k: abs(rows[k][i]))
        rows[i], rows[best] = rows[best], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(n):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [row[-1] for row in rows]


def predict(weights: list[float], row: dict[str, Any]) -> float:
    """Umbrellas the model expects to be sold on a day with this weather."""
    x = features(row["day"], row["rain_mm"], row["celsius"])
    return sum(w * v for w, v in zip(weights, x, strict=True))


def train(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The weights, and the mean error on the days held back."""
    seen, unseen = rows[:-HELD_BACK_DAYS], rows[-HELD_BACK_DAYS:]
    x = [features(r["day"], r["rain_mm"], r["celsius"]) for r in seen]
    weights = least_squares(x, [float(r["umbrellas"]) for r in seen])
    error = sum(abs(predict(weights, r) - r["umbrellas"]) for r in unseen) / len(unseen)
    return {
        "weights": [round(w, 4) for w in weights],
        "trainedOnDays": len(seen),
        "meanErrorUmbrellas": round(error, 2),
    }


def main() -> None:
    model = train(storage.load("training.json"))
    print(model)
    storage.save("model.json", model)


if __name__ == "__main__":
    main()
