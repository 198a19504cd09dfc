"""What the Pod of another attempt has other than that of the first: other nodes, more memory.

Both follow from the row of the task as it was when the attempt was decided. Only what the run has
seen since it was last made to run again counts: whoever asks for a rerun may have mended a node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kubedag.api.enums import AvoidNodes
from kubedag.core import memory, pods, states

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedag.core import rows
    from kubedag.core.plan import RetryPolicy

HOSTNAME: Final = "kubernetes.io/hostname"
ATTEMPTS_LOOKED_AT: Final = 5
"""Those that failed last; with more, a small cluster would soon have no node left."""
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_WEIGHT_MAX: Final = 100

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Amendment:
    """By what a Pod differs from that of the first attempt."""

    avoided_nodes: tuple[str, ...] = ()
    out_of_memory: int = 0
    """How many attempts ran out of memory."""


def of(policy: RetryPolicy, row: rows.TaskRow) -> Amendment | None:
    """The amendment of the attempt after those in the row; None if it is as the first."""
    if not row.begun:
        return None
    nodes = failed_on(row) if policy.avoid_nodes != AvoidNodes.NEVER else ()
    times = row.out_of_memory if policy.memory_factor else 0
    return Amendment(nodes, times) if nodes or times else None


def failed_on(row: rows.TaskRow) -> tuple[str, ...]:
    """The nodes on which the last attempts failed, in order, each once."""
    failed = [
        attempt.node_name
        for attempt in row.attempts
        if attempt.number > row.earlier_attempts and attempt.state == states.FAILED
    ]
    return tuple(dict.fromkeys(filter(None, failed[-ATTEMPTS_LOOKED_AT:])))


def amend(spec: Spec, policy: RetryPolicy, amendment: Amendment) -> None:
    """Change the spec of a Pod, but none of its parts, which are shared."""
    if amendment.out_of_memory:
        spec["containers"] = [
            _with_memory(container, policy, amendment.out_of_memory)
            if container.get("name") == pods.MAIN_CONTAINER
            else container
            for container in spec["containers"]
        ]
    if amendment.avoided_nodes and not spec.get("nodeName"):
        spec["affinity"] = avoiding(
            spec.get("affinity") or {},
            amendment.avoided_nodes,
            required=policy.avoid_nodes == AvoidNodes.REQUIRE,
        )


def _with_memory(container: Spec, policy: RetryPolicy, times: int) -> Spec:
    resources = memory.grown(container.get("resources") or {}, policy, times)
    return {**container, "resources": resources} if resources else container


def avoiding(affinity: Mapping[str, Any], nodes: tuple[str, ...], *, required: bool) -> Spec:
    """An affinity that says what it said, and that these nodes are not, or not gladly, taken."""
    others = {"key": HOSTNAME, "operator": "NotIn", "values": list(nodes)}
    of_nodes = dict(affinity.get("nodeAffinity") or {})
    if required:
        selector = of_nodes.get(_REQUIRED) or {}
        terms = [_narrowed(term, others) for term in selector.get("nodeSelectorTerms") or ()]
        terms = terms or [{"matchExpressions": [others]}]
        of_nodes[_REQUIRED] = {**selector, "nodeSelectorTerms": terms}
    else:
        term = {"weight": _WEIGHT_MAX, "preference": {"matchExpressions": [others]}}
        of_nodes[_PREFERRED] = [*(of_nodes.get(_PREFERRED) or ()), term]
    return {**affinity, "nodeAffinity": of_nodes}


def _narrowed(term: Spec, requirement: Spec) -> Spec:
    """A term that also asks for this. An empty one matches no node, and must go on doing so."""
    if not (term.get("matchExpressions") or term.get("matchFields")):
        return term
    return {**term, "matchExpressions": [*(term.get("matchExpressions") or ()), requirement]}
