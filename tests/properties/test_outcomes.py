"""Whatever a Pod or an API server says, the answer is one of the closed list, bounded, in one line."""

from __future__ import annotations

import functools

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import attempts, outcomes, pods, reasons, refusals, rows, states, words
from kubedag.core import reasons_elsewhere as elsewhere
from support import pod_json

KNOWN = {
    "phase": ["Pending", "Running", "Succeeded", "Failed", "Unknown", ""],
    "type": [
        "DisruptionTarget", "PodScheduled", "Initialized", "Ready", "ContainersReady",
        "PodReadyToStartContainers",
    ],
    "status": ["True", "False", "Unknown"],
    "name": ["main", "proxy", "fetch"],
    "reason": sorted({
        *reasons.BY_NAME, "Evicted", "Terminated", "NodeLost", "Preempting", "OutOfcpu", "Error",
        "Completed", "Unknown", "ContainerStatusUnknown", "ErrImagePull", "CreateContainerError",
        "ContainerCreating", "PodInitializing", "CrashLoopBackOff", "DeadlineExceeded",
    }),
    "message": [
        pod_json.LOW, pod_json.NO_ROOM, pod_json.NO_NODE, pod_json.NO_IMAGE, pod_json.NO_PROGRAM,
        "Pod was rejected: x", "The node was low on resource: memory. ", 'secret "x" not found',
    ],
    "restart_policy": ["Always", ""],
    "exit_code": [0, 1, 126, 127, 137, 143, 255],
}  # fmt: skip
TEXT = st.text(max_size=20) | st.sampled_from(["x" * 2000, "x \n" * 700, "\x1b[1m\u2028" * 300])


@functools.cache
def anything_of(record):
    """Any record of that type, now with what is known, now with anything in its fields."""
    fields = {}
    for field in msgspec.structs.fields(record):
        inner = field.type
        if (structs := [part for part in parts(inner) if isinstance(part, type)
                        and issubclass(part, msgspec.Struct)]):  # fmt: skip
            one = anything_of(structs[0])
            many = getattr(inner, "__origin__", None) is tuple
            fields[field.name] = (
                st.lists(one, max_size=2).map(tuple) if many else optional(inner, one)
            )
        elif inner is int or int in parts(inner):
            known = KNOWN.get(field.name, [0])
            fields[field.name] = st.sampled_from(known) | st.integers(-(2**31), 2**31 - 1)
        elif str in parts(inner):
            known = st.sampled_from(KNOWN.get(field.name, [""]))
            fields[field.name] = optional(inner, st.one_of(known, known, TEXT))
    return st.builds(record, **fields)


def parts(inner):
    return getattr(inner, "__args__", (inner,))


def optional(inner, strategy):
    return st.none() | strategy if type(None) in parts(inner) else strategy


LABELS = st.dictionaries(st.just(pods.LABEL_ATTEMPT), TEXT | st.just("2"), max_size=1)
METADATA = st.builds(
    pods.Metadata,
    name=TEXT,
    deletion_timestamp=st.none() | st.just("2026-01-01T00:00:00Z"),
    deletion_grace_period_seconds=st.none() | st.integers(0, 60),
    labels=st.none() | LABELS,
)
PODS = st.builds(
    pods.Pod,
    metadata=METADATA,
    spec=anything_of(pods.PodSpec),
    status=anything_of(pods.PodStatus),
    gone=st.booleans(),
)


@given(PODS, st.sampled_from(["", "PodDeleted", *outcomes.ASKS]))
def test_a_pod_is_judged_by_the_closed_list_whatever_it_says(pod, ask):
    found = outcomes.classify(pod, ask)
    assert len(found.message) <= rows.MESSAGE_CHARS_MAX
    assert found.message.splitlines() in ([], [found.message])
    if found.state == states.SUCCEEDED:
        assert found.reason == ""
    elif found.state == states.FAILED:
        reason = reasons.BY_NAME[found.reason]
        assert reasons.ENDED in reason.said_of
        assert found.failure_class == reason.failure_class != ""
        assert found.message
    else:
        assert found.state in states.ACTIVE
        assert found.reason == "" or reasons.ALIVE in reasons.BY_NAME[found.reason].said_of


@given(PODS)
def test_an_attempt_can_be_made_of_any_pod(pod):
    attempt = attempts.observe(pod)
    assert attempt.reason in {"", *reasons.BY_NAME}
    assert len(msgspec.json.encode(attempt.message)) < 8 * rows.MESSAGE_CHARS_MAX


ANSWERS = st.builds(
    refusals.Answer,
    st.sampled_from([0, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503]) | st.integers(0, 999),
    TEXT,
    st.builds(
        "".join,
        st.lists(
            TEXT
            | st.sampled_from([
                'pods "x" is forbidden: ', "exceeded quota: ", "error looking up service account ",
                'admission webhook "p" denied the request', "serviceaccount ", " not found", "maximum ",
                'User "x" cannot create resource ', "Internal error occurred: ", "{}", "{0!r}",
            ]),
            max_size=5,
        ),
    ),
)  # fmt: skip


@given(ANSWERS)
def test_a_refusal_is_judged_by_the_closed_list_whatever_it_says(answer):
    verdict = refusals.classify(answer)
    (reason,) = [found for found in elsewhere.ALL if found.name == verdict.reason]
    assert verdict.transient == (not reason.failure_class)
    assert reason.failure_class in ("", reasons.CONFIG)
    assert elsewhere.TASK in reason.said_of or reasons.ENDED in reason.said_of
    assert 0 < len(verdict.message) <= rows.MESSAGE_CHARS_MAX
    assert verdict.message.splitlines() == [verdict.message]


@given(TEXT | st.text())
def test_a_log_is_told_in_one_line(text):
    assert words.lines_in_one(text).splitlines() in ([], [words.lines_in_one(text)])
