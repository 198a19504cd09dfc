"""Creates runs, for schedules and for Backfills: the name is the lock, so that none is there twice.

The answer is taken into the store at once, so that the next decision knows the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from kubedag.core import creations, runspec
from kubedag.shell import client, replies
from kubedag.shell.errors import ApiError, ClusterError, NotLeader, answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from kubedag.core import actions
    from kubedag.shell.clock import Clock


class RunCreator:
    """Asks the API for runs, and says what became of it."""

    def __init__(
        self, api: client.Api, put_run: Callable[[Mapping[str, Any]], None], clock: Clock
    ) -> None:
        self._api = api
        self._put_run = put_run
        self._clock = clock

    async def create(
        self,
        namespace: str,
        dag_name: str,
        action: actions.CreateRun,
        known: creations.Creations,
    ) -> None:
        """Create the run, or take in that it exists; what is in the way goes into `known`."""
        body = orjson.dumps(runspec.build(action, namespace, dag_name))
        try:
            try:
                path = client.DAG_RUNS.path(namespace)
                raw = await replies.ask(self._api, replies.custom, "POST", path, body=body)
            except ApiError as error:
                if not error.already_exists:
                    raise
                path = client.DAG_RUNS.path(namespace, action.name)
                raw = await replies.ask(self._api, replies.custom, "GET", path)
        except NotLeader:
            raise
        except ClusterError as error:
            answered, now = answer_of(error), self._clock.now()
            known.trouble = creations.after(known.trouble, action.name, answered, now)
            return
        known.trouble = None
        known.taken.pop(action.name, None)
        if not runspec.is_of(raw, action, dag_name):
            known.taken[action.name] = runspec.described(raw)
        self._put_run(raw)  # whatever it is: its name is taken as long as it is there
