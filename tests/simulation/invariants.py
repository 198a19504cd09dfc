"""What must hold at every moment, whatever goes wrong; judged by `facts`, not by the operator's word.

Each law is a function that is shown one change of the cluster and says what is wrong with it, if
anything is. One hole is known, and counted instead of reported: a Pod that was created, and deleted
by somebody else, before a status that tells of it was stored, is unknown to an operator that did
not see it (it was killed, or its watch had to begin anew). Its attempt is then made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation import control_facts, oracle, pod_facts, reruns, status_laws
from simulation.cluster import ENDED, stamp
from simulation.facts import RunFacts, same
from simulation.kubelet import CONFIG, INFRA, USER
from simulation.network import YOUTH_SECONDS
from simulation.pod_facts import IN_FLIGHT_SECONDS_MAX, SUCCESS, PodFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulation.cluster import Change, Object
    from simulation.facts import Facts

TERMINAL = tuple(oracle.WORDS)
GIVEN_UP = ("RevisionNotFound", "DAGNotFound", "DAGNotReady")
"""How a run ends of which nobody knows any more what it was to do."""
GRACE_AFTER_DELETION_SECONDS = 700.0
"""A run whose DELETED event was lost lives on in the operator until its next full list."""


class Invariants:
    """Collects what is wrong; the simulation ends with the first."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.broken: list[str] = []
        self.holes = 0
        self.may_be_two: Callable[[], bool] = lambda: False
        """Do two operators act now?"""
        self.may_change_spec: Callable[[Change], bool] = lambda _change: False
        self.may_delete: Callable[[RunFacts], bool] = lambda _run: False
        """What a Backfill lets the operator do to a run."""
        faults = facts.world.faults
        self.blind = bool(faults.kills or faults.watch_expired or faults.watch_lost)
        """The operator may miss how a Pod ended that somebody else then deletes."""
        self.clocks_agree = not faults.clock_jumps
        facts.cluster.observers.insert(1, self._observe)

    def follow(self, observer: Callable[[Change], None]) -> None:
        """Show somebody each change when it is judged: they know which Pods are strays."""
        observers = self.facts.cluster.observers
        observers.insert(observers.index(self._observe) + 1, observer)

    def _observe(self, change: Change) -> None:
        if not change.actor.startswith("operator"):
            return
        laws: dict[tuple[str, str], Callable[[Change], Iterator[str]]] = {
            ("pods", "ADDED"): self._created,
            ("pods", "MODIFIED"): self._changed,
            ("pods", "DELETED"): self._ending,
            ("dagruns", "MODIFIED"): self._status,
            ("dagrunslices", "ADDED"): self._status,
            ("dagrunslices", "MODIFIED"): self._status,
            ("dagruns", "DELETED"): self._retired,
        }
        law = laws.get((change.plural, change.type))
        if law is not None:
            name = change.obj["metadata"]["name"]
            self.broken += [f"{change.type} {name}: {wrong}" for wrong in law(change)]

    # --- Pods ------------------------------------------------------------------------------------

    def _created(self, change: Change) -> Iterator[str]:
        run, task, pod = self.facts.pods[change.obj["metadata"]["uid"]]
        unaware = self.facts.cluster.late or self.may_be_two()
        unaware |= run.control.was_marked_since(pod.created_at - IN_FLIGHT_SECONDS_MAX)
        if unaware and self._is_stray(run, task, pod):
            run.pods[task].remove(pod)
            run.strays.append(pod)
            self.holes += 1
            return  # it has to go again, but could not be held back
        tidies = control_facts.tidies(run, task)
        over = list(self._created_after_the_end(run, pod, tidies=tidies))
        stopped = run.stopped_at is not None and not tidies
        if over or run.tampered or not run.exists or stopped:
            yield from over
            return
        if not run.tasks:
            yield f"a Pod of revision {pod.revision!r}, which is not stored"
            return
        if pod.revision != run.revision and self._all_unseen(run, pod):
            self.holes += 1
            self.facts.pin(run, pod.revision)
        if pod.revision != run.revision:
            yield f"a Pod of revision {pod.revision!r} in a run of {run.revision!r}"
        yield from self._one_after_the_other(run, task, pod)
        yield from self._may_start(run, task, pod)
        yield from self._limits(run)

    def _is_stray(self, run: RunFacts, task: str, pod: PodFacts) -> bool:
        stopped = run.stopped_at is not None and not control_facts.tidies(run, task)
        over = not run.exists or run.finished or stopped
        ended = _row(run.status, task).get("state") in TERMINAL
        overtaken = any(
            old.attempt > pod.attempt
            or (
                old.attempt == pod.attempt
                and (old.recorded or not (old.exists or self._unseen(old)))
            )
            for old in (*run.reruns.past.get(task, ()), *run.pods[task][:-1])
        )
        return over or ended or overtaken

    def _created_after_the_end(
        self, run: RunFacts, pod: PodFacts, *, tidies: bool
    ) -> Iterator[str]:
        if run.tampered:
            return
        if not run.exists:
            assert run.deleted_at is not None
            if pod.created_at - run.deleted_at > GRACE_AFTER_DELETION_SECONDS:
                yield "a Pod of a run that is long gone"
        elif run.stopped_at is not None and not tidies:
            if pod.created_at - run.stopped_at > IN_FLIGHT_SECONDS_MAX:
                yield "a Pod of a run that was ended before"
        elif run.finished:
            yield "a Pod of a finished run"

    def _one_after_the_other(self, run: RunFacts, task: str, pod: PodFacts) -> Iterator[str]:
        earlier = run.pods[task][:-1]
        for old in earlier:
            yield from self._beside(old, pod)
        if task in run.reruns.fixed:
            yield f"a Pod of a task that does not run again, and is {run.reruns.fixed[task]}"
        for old in run.reruns.past.get(task, ()):
            if task in run.reruns.forgotten and not old.exists:
                continue
            if old.attempt >= pod.attempt and (
                self._unseen(old) or self._came_too_late(old) or self._ended_by_another(old)
            ):
                self.holes += 1
            elif old.attempt >= pod.attempt or (old.live and old not in run.strays):
                yield f"attempt {pod.attempt} after {old.name} of before the run ran again"
        row = _row(run.status, task)
        if row.get("state") in TERMINAL:
            yield f"a Pod of a task that is stored as {row['state']}"
        if earlier and not any(self._unseen(old) for old in earlier):
            if pod.attempt != earlier[-1].attempt + 1:
                yield f"attempt {pod.attempt} after attempt {earlier[-1].attempt}"
            yield from self._within_budget(run, task, pod)

    def _beside(self, old: PodFacts, pod: PodFacts) -> Iterator[str]:
        if old.live:
            yield f"a second Pod beside {old.name}, which is alive"
        if old.only_once and old.may_count_as <= {SUCCESS, INFRA}:
            yield f"a Pod after {old.name}, which must not begin twice"
        if old.attempt == pod.attempt or SUCCESS in old.may_count_as:
            if self._unseen(old):
                self.holes += 1
            elif old.attempt == pod.attempt:
                yield f"attempt {pod.attempt} for a second time"
            elif old.may_count_as == {SUCCESS}:
                yield f"a Pod after {old.name}, which has succeeded"

    def _unseen(self, pod: PodFacts) -> bool:
        """The hole: gone by another's hand before anything of its end was stored."""
        return (
            (self.blind_to(pod) or pod.hidden)
            and not pod.only_once
            and not pod.exists
            and not pod.recorded
            and not pod.deleted_by.startswith("operator")
        )

    def _came_too_late(self, pod: PodFacts) -> bool:
        """It was made when its task had ended without it, and has gone again."""
        late = self.facts.world.faults.applied_late
        return bool(late) and not (pod.exists or pod.recorded or pod.held)

    def _ended_by_another(self, pod: PodFacts) -> bool:
        """One of two leaders ended it before it had begun, and nothing of it was stored."""
        stayed = pod.exists or pod.recorded or pod.began
        overlaps = self.facts.world.faults.overlaps
        return bool(overlaps) and pod.deleted_by.startswith("operator") and not stayed

    def _all_unseen(self, run: RunFacts, pod: PodFacts) -> bool:
        others = [old for seen in run.pods.values() for old in seen if old is not pod]
        return not run.status.get("revision") and all(
            self._unseen(old) or old.hidden for old in others
        )

    def blind_to(self, pod: PodFacts) -> bool:
        """May the operator never have seen this Pod, or its end, or have forgotten it?"""
        late, given = self.facts.cluster.late or self.may_be_two(), self.facts.world.faults
        return (
            late
            or self.blind
            or bool(given.unanswered or given.applied_late)
            or (bool(given.not_found) and self._went_with_a_young_run(pod))
        )

    def _went_with_a_young_run(self, pod: PodFacts) -> bool:
        """If that was said not to be there, it was taken for gone, and what had gone with it."""
        run, _, _ = self.facts.pods[pod.uid]
        went = pod.ended_at if pod.ended_at is not None else self.facts.cluster.time()
        return run.created >= stamp(went - YOUTH_SECONDS)

    def _within_budget(self, run: RunFacts, task: str, pod: PodFacts) -> Iterator[str]:
        node, earlier = run.tasks[task], run.pods[task][:-1]
        for cls, limit in ((USER, node.limit), (INFRA, node.infra_limit), (CONFIG, 0)):
            last_of_each = {old.attempt: old for old in earlier}.values()
            if cls == CONFIG and node.on_failure:
                continue  # a rule may retry it
            # Of a Pod without its labels, the failure may be forgotten before it was stored.
            failed = sum(old.may_count_as == {cls} and not old.hidden for old in last_of_each)
            if failed > limit:
                yield f"attempt {pod.attempt} after {failed} failures of class {cls}"
        known = (earlier[-1].ended_at, earlier[-1].deleted_at)
        ended_at = min((at for at in known if at is not None), default=None)
        pauses = (rule.get("delaySeconds", node.backoff_seconds) for rule in node.on_failure)
        pause = 0.9 * min([node.backoff_seconds, *pauses]) - 1.0  # stamps are cut to seconds
        if self.clocks_agree and ended_at is not None and pod.created_at < ended_at + pause:
            yield f"attempt {pod.attempt} {pod.created_at - ended_at:.2f} s after the one before"

    def _may_start(self, run: RunFacts, task: str, pod: PodFacts) -> Iterator[str]:
        if len(run.pods[task]) > 1:
            return
        if run.tasks[task].tidies and control_facts.may_be_stopping(run):
            return  # `control_laws` judges it
        if run.control.was_marked_since(pod.created_at - IN_FLIGHT_SECONDS_MAX):
            return  # it was on its way, and could not be called back
        states = run.states()
        if not oracle.may_start(run.tasks, states, task):
            node = run.tasks[task]
            seen = {up: "/".join(sorted(states[up])) for up in node.upstream}
            yield f"a Pod under {node.rule} while its upstreams are {seen}"
        del pod

    def _limits(self, run: RunFacts) -> Iterator[str]:
        most = run.dag_spec.get("maxActiveTasks")
        given = self.facts.world.faults
        if self.may_be_two() or (given.overlaps and given.applied_late):
            return  # each of them counts what it sees
        if most is not None and run.live_pods(hidden=False) - _come_again(run) > most:
            yield f"{run.live_pods()} live Pods, of at most {most}"
        spec = run.dag_spec
        if spec.get("concurrencyPolicy") == "Allow" or sum(map(len, run.pods.values())) > 1:
            return
        if given.applied_late or given.watch_lost:
            return  # of a run whose Pod nobody tells of, nobody knows that it has started
        if given.not_found:
            return  # a run that is said not to be there is forgotten until it is told of again
        now = self.facts.cluster.time()
        others = [
            other.name
            for other in self.facts.runs.values()
            if other is not run
            and other.dag == run.dag
            and other.exists
            and not other.tampered
            and other.remembered
            and not other.may_be_over(now)
            and not reruns.began_after(other, run, now)
            and not _is_stored_to_be_first(run, other)
        ]
        if len(others) >= spec["maxActiveRuns"]:
            yield f"the run starts beside {others}, of at most {spec['maxActiveRuns']}"

    def _changed(self, change: Change) -> Iterator[str]:
        assert change.old is not None
        old, new = change.old["metadata"], change.obj["metadata"]
        if new.get("deletionTimestamp") and not old.get("deletionTimestamp"):
            yield from self._ending(change)
        if old.get("finalizers") and not new.get("finalizers"):
            run, task, pod = self.facts.pods[new["uid"]]
            told = pod.recorded or run.finished or run.tampered or pod in run.strays
            told |= pod in run.reruns.past.get(task, ())
            told |= run.controlled and run.lost_revision  # it is given up, and its slices say so
            told |= _ended_without(run, task, pod)
            if run.exists and not told:
                yield "let go before it was stored how it ended"

    def _ending(self, change: Change) -> Iterator[str]:
        """The operator deletes a Pod: only what is stored already, or what it said it would."""
        if change.obj["metadata"]["uid"] not in self.facts.pods:
            yield "somebody else's Pod"
            return
        run, task, pod = self.facts.pods[change.obj["metadata"]["uid"]]
        if run.tampered or pod in run.strays:
            return
        row = _row(run.status, task)
        if _ended_without(run, task, pod):
            return
        if not row and run.status.get("tasks"):
            return  # two had begun it by two revisions, and what is stored has no such task
        if run.finished and _said(run.status) in GIVEN_UP:
            return  # it was told to end, and whatever it made of that, nothing more is told
        if pod.phase in ENDED:
            if not pod.recorded and SUCCESS in pod.may_count_as:
                yield f"deleted before it was stored how it ended ({pod.phase})"
        elif not pod.asked and run.exists and not run.finished:
            yield "ended without a stored reason"

    def _retired(self, change: Change) -> Iterator[str]:
        run = self.facts.runs[change.obj["metadata"]["uid"]]
        if not run.finished and not run.tampered and not self.may_delete(run):
            yield "deleted by the operator before it had finished"
        # One that never started, as far as one can see, a Backfill may call back, whatever is wished.
        started = run.started and run.remembered
        if reruns.wished(run) and started and not run.tampered and not change.obj["metadata"].get(
            "deletionTimestamp"
        ):  # fmt: skip
            yield "deleted by the operator although it is to run again"

    # --- Status ----------------------------------------------------------------------------------

    def _status(self, change: Change) -> Iterator[str]:
        run = self.facts.run_of(change)
        if (
            change.plural == "dagruns"
            and not same(change.old["spec"], change.obj["spec"])  # type: ignore[index]
            and not self.may_change_spec(change)
        ):
            yield "the operator has changed the spec"
        if not run.tampered and run.exists:
            yield from run.reruns.broken
            run.reruns.broken = []
        if not run.tampered and run.exists:
            yield from status_laws.judge(run, self.clocks_agree, whole=change.plural == "dagruns")


def _come_again(run: RunFacts) -> int:
    return sum(
        pod.live and pod.name in pod_facts.come_again(seen)
        for seen in run.pods.values()
        for pod in seen[-1:]
    )


def _is_stored_to_be_first(run: RunFacts, other: RunFacts) -> bool:
    """Had the run started, whose first Pod the API did not take, when the other one did?"""
    began, later = (one.status.get("startTime", "") for one in (run, other))
    if run.clocks_jump and run.started_at is not None and other.started_at is not None:
        return run.started_at <= other.started_at  # by the clocks, either may have been first
    return bool(began) and (not later or began <= later)


def _row(status: Object, task: str) -> Object:
    for row in status.get("tasks", ()):
        if row["name"] == task:
            found: Object = row
            return found
    return {}


def _ended_without(run: RunFacts, task: str, pod: PodFacts) -> bool:
    """Did it come too late, of a task that had to end without it?"""
    row = _row(run.status, task)
    return row.get("state") in TERMINAL and not any(
        attempt.get("podName") == pod.name for attempt in row.get("attempts", ())
    )


def _said(status: Object) -> str:
    for condition in status.get("conditions", ()):
        if condition["type"] == "Succeeded":
            return str(condition["reason"])
    return ""
