"""The operator's settings: a few environment variables, all optional, checked at the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("text", "json")


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what it must be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the operator runs; see `docs/reference/settings.md`."""

    watch_namespaces: tuple[str, ...] = ()
    leader_election: bool = True
    lease_namespace: str = "default"
    lease_name: str = "kubedag-operator"
    identity: str = "kubedag"
    log_level: str = "INFO"
    log_format: str = "text"
    status_window_seconds: float = 0.5
    api_connections_max: int = 64
    health_port: int = 8080
    lease_seconds: float = 15.0
    resync_seconds: float = 300.0
    context: str | None = None
    max_active_tasks: int | None = None
    max_active_tasks_per_namespace: int | None = None
    notifications_file: str = ""


def from_env(env: Mapping[str, str], hostname: str, process_id: int) -> Settings:
    """Read `KUBEDAG_*`. Raises `SettingsError` with a message that names the variable."""
    read = _Reader(env)
    return Settings(
        watch_namespaces=tuple(
            name.strip() for name in env.get("KUBEDAG_WATCH_NAMESPACES", "").split(",")
            if name.strip()
        ),
        leader_election=read.boolean("KUBEDAG_LEADER_ELECTION", default=True),
        lease_namespace=env.get("KUBEDAG_NAMESPACE") or "default",
        lease_name=env.get("KUBEDAG_LEASE_NAME") or "kubedag-operator",
        identity=env.get("KUBEDAG_POD_NAME") or f"{hostname}-{process_id}",
        log_level=read.choice("KUBEDAG_LOG_LEVEL", LOG_LEVELS, "INFO"),
        log_format=read.choice("KUBEDAG_LOG_FORMAT", LOG_FORMATS, "text"),
        status_window_seconds=read.number("KUBEDAG_STATUS_WINDOW_SECONDS", 0.5, 0.0, 60.0),
        api_connections_max=int(read.number("KUBEDAG_API_CONNECTIONS_MAX", 64, 1, 1024)),
        health_port=int(read.number("KUBEDAG_HEALTH_PORT", 8080, 0, 65535)),
        lease_seconds=read.number("KUBEDAG_LEASE_SECONDS", 15.0, 3.0, 300.0),
        resync_seconds=read.number("KUBEDAG_RESYNC_SECONDS", 300.0, 5.0, 86_400.0),
        context=env.get("KUBEDAG_CONTEXT") or None,
        max_active_tasks=read.limit("KUBEDAG_MAX_ACTIVE_TASKS"),
        max_active_tasks_per_namespace=read.limit("KUBEDAG_MAX_ACTIVE_TASKS_PER_NAMESPACE"),
        notifications_file=env.get("KUBEDAG_NOTIFICATIONS_FILE") or "",
    )  # fmt: skip


class _Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        text = self._env.get(name) or default
        for choice in choices:
            if text.lower() == choice.lower():
                return choice
        raise SettingsError(f"{name}: must be one of {', '.join(choices)}, not {text!r}")

    def boolean(self, name: str, *, default: bool) -> bool:
        text = (self._env.get(name) or str(default)).lower()
        if text not in ("true", "false"):
            raise SettingsError(f"{name}: must be true or false, not {text!r}")
        return text == "true"

    def limit(self, name: str) -> int | None:
        """How many there may be; None if that is not limited."""
        text = self._env.get(name)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 7 and int(text)):
            raise SettingsError(f"{name}: must be a whole number from 1 to 999999, not {text!r}")
        return int(text)

    def number(self, name: str, default: float, least: float, most: float) -> float:
        text = self._env.get(name) or str(default)
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise SettingsError(
                f"{name}: must be a number from {least:g} to {most:g}, not {text!r}"
            )
        return value
