"""Objects as a user writes them, with only that said which a test is about."""

from __future__ import annotations

from typing import Any

API_VERSION = "kubedag.dev/v1alpha1"


def a_task(name: str = "a", **fields: Any) -> dict[str, Any]:
    return {"name": name, **fields}


def a_dag(*tasks: dict[str, Any], name: str = "pipeline", **spec: Any) -> dict[str, Any]:
    """A DAG of these tasks; without any, of one that says nothing but its image."""
    return {
        "apiVersion": API_VERSION,
        "kind": "DAG",
        "metadata": {"name": name},
        "spec": {"tasks": list(tasks) or [a_task(image="busybox")], **spec},
    }


def a_run(name: str = "run", dag: str = "pipeline", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "DAGRun",
        "metadata": {"name": name},
        "spec": {"dagName": dag, **spec},
    }


def an_interval(start: str = "2026-01-01T00:00:00Z", end: str = "2026-01-02T00:00:00Z") -> Any:
    return {"startTime": start, "endTime": end}


def a_backfill(name: str = "bf", dag: str = "pipeline", **spec: Any) -> dict[str, Any]:
    """A Backfill of five days."""
    plain = {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-06T00:00:00Z"}
    return {
        "apiVersion": API_VERSION,
        "kind": "Backfill",
        "metadata": {"name": name},
        "spec": {"dagName": dag, **(plain | spec)},
    }


def a_pool(name: str = "warehouse", slots: int = 2, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "TaskPool",
        "metadata": {"name": name},
        "spec": {"slots": slots, **spec},
    }
