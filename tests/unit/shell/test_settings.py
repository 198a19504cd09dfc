from __future__ import annotations

import re

import pytest

from kubedag.shell import settings


def read(**env):
    return settings.from_env({f"KUBEDAG_{name}": value for name, value in env.items()}, "host", 7)


def test_nothing_need_be_said():
    assert read() == settings.Settings(identity="host-7")


def test_everything_can_be_said():
    assert read(
        WATCH_NAMESPACES=" a, b,,",
        LEADER_ELECTION="False",
        NAMESPACE="system",
        LEASE_NAME="lease",
        POD_NAME="pod-1",
        LOG_LEVEL="debug",
        LOG_FORMAT="JSON",
        STATUS_WINDOW_SECONDS="1.5",
        API_CONNECTIONS_MAX="8",
        HEALTH_PORT="9000",
        LEASE_SECONDS="30",
        RESYNC_SECONDS="60",
        CONTEXT="kind",
        MAX_ACTIVE_TASKS="500",
        MAX_ACTIVE_TASKS_PER_NAMESPACE="50",
    ) == settings.Settings(
        watch_namespaces=("a", "b"),
        leader_election=False,
        lease_namespace="system",
        lease_name="lease",
        identity="pod-1",
        log_level="DEBUG",
        log_format="json",
        status_window_seconds=1.5,
        api_connections_max=8,
        health_port=9000,
        lease_seconds=30.0,
        resync_seconds=60.0,
        context="kind",
        max_active_tasks=500,
        max_active_tasks_per_namespace=50,
    )


def test_what_is_empty_is_not_said():
    env = (
        "WATCH_NAMESPACES",
        "LEADER_ELECTION",
        "NAMESPACE",
        "LOG_LEVEL",
        "HEALTH_PORT",
        "CONTEXT",
        "MAX_ACTIVE_TASKS",
    )
    assert read(**dict.fromkeys(env, "")) == read()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LOG_LEVEL", "loud", "must be one of DEBUG, INFO, WARNING, ERROR, not 'loud'"),
        ("LOG_FORMAT", "xml", "must be one of text, json, not 'xml'"),
        ("LEADER_ELECTION", "yes", "must be true or false, not 'yes'"),
        ("LEASE_SECONDS", "1", "must be a number from 3 to 300, not '1'"),
        ("LEASE_SECONDS", "soon", "must be a number from 3 to 300, not 'soon'"),
        ("STATUS_WINDOW_SECONDS", "nan", "must be a number from 0 to 60, not 'nan'"),
        ("STATUS_WINDOW_SECONDS", "inf", "must be a number from 0 to 60, not 'inf'"),
        ("HEALTH_PORT", "70000", "must be a number from 0 to 65535, not '70000'"),
        ("MAX_ACTIVE_TASKS", "0", "must be a whole number from 1 to 999999, not '0'"),
        ("MAX_ACTIVE_TASKS", "1.5", "must be a whole number from 1 to 999999, not '1.5'"),
        (
            "MAX_ACTIVE_TASKS_PER_NAMESPACE",
            "1000000",
            "must be a whole number from 1 to 999999, not '1000000'",
        ),
        ("API_CONNECTIONS_MAX", "0", "must be a number from 1 to 1024, not '0'"),
    ],
)
def test_a_mistake_is_named_with_the_variable(name, value, message):
    with pytest.raises(
        settings.SettingsError, match="^" + re.escape(f"KUBEDAG_{name}: {message}")
    ):
        read(**{name: value})
