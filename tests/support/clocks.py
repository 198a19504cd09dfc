"""Instants as a test writes them down: with their offset, or as the clock of a zone shows them."""

from datetime import UTC, datetime

from kubedag.core import zones

NEW_YORK, AMSTERDAM, ZURICH = "America/New_York", "Europe/Amsterdam", "Europe/Zurich"
SYDNEY, LORD_HOWE, APIA = "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Apia"


def at(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def local(zone, text):
    """A time of a zone's own clock."""
    return datetime.fromisoformat(text).replace(tzinfo=zones.load(zone)).astimezone(UTC)
