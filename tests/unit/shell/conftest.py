"""What the tests of the store share, whichever file they are in."""

from __future__ import annotations

import pytest

from support.woken_store import Woken


@pytest.fixture
def woken():
    return Woken()
