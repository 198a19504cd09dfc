"""An operator that leads acts, or it ends: it never leads and does nothing."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace

import pytest

from kubedag.shell import main, settings
from support import virtual_loop


@pytest.fixture(autouse=True)
def _garbage_as_before():
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Parts:
    """An engine and an election, in which a test decides how a term goes."""

    def __init__(self, *, begins_after=0.0, bug=None, term_seconds=None):
        self.begins_after, self.bug, self.term_seconds = begins_after, bug, term_seconds
        self.story = []
        self.terms = 0

    async def begin_term(self):
        await asyncio.sleep(self.begins_after)
        if self.bug is not None:
            raise self.bug
        self.story.append("acts")

    def end_term(self):
        self.story.append("acts no more")

    async def term(self):
        self.terms += 1
        if self.terms > 1:
            await asyncio.Event().wait()
        ended = asyncio.Event()
        if self.term_seconds is not None:
            asyncio.get_running_loop().call_later(self.term_seconds, ended.set)
        return SimpleNamespace(ended=ended)


def lead(parts, seconds=60.0):
    operator = main.Operator.__new__(main.Operator)
    operator._settings, operator.engine, operator.election = settings.Settings(), parts, parts

    async def scenario():
        async with asyncio.timeout(seconds):
            await operator._terms()

    virtual_loop.run(scenario())


def test_a_term_is_acted_in_from_its_beginning_to_its_end():
    parts = Parts(term_seconds=30)
    with pytest.raises(TimeoutError):
        lead(parts)
    assert parts.story == ["acts", "acts no more"]


def test_a_term_that_is_over_before_it_has_begun_is_not_acted_in():
    parts = Parts(begins_after=20, term_seconds=10)
    with pytest.raises(TimeoutError):
        lead(parts)
    assert parts.story == ["acts no more"]


def test_a_bug_at_the_beginning_of_a_term_ends_the_operator():
    with pytest.raises(LookupError, match="bug"):
        lead(Parts(bug=LookupError("bug")))
