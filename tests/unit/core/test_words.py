"""What the cluster says, and what becomes of it."""

from __future__ import annotations

import pytest

from kubedag.core import words
from support import pod_json

SINCE = "2026-01-01T10:42:05Z"
RPC = "rpc error: code = Unknown desc = "


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (1, "exit code 1"),
        (126, "exit code 126 (the command cannot be executed)"),
        (127, "exit code 127 (command not found)"),
        (128, "exit code 128"),
        (130, "exit code 130 (SIGINT)"),
        (134, "exit code 134 (SIGABRT)"),
        (137, "exit code 137 (killed by SIGKILL)"),
        (139, "exit code 139 (crashed by SIGSEGV)"),
        (143, "exit code 143 (terminated by SIGTERM)"),
        (255, "exit code 255"),
        (-1, "exit code -1"),
    ],
)
def test_an_exit_code_is_told_with_what_it_means(code, said):
    assert words.exit_code(code) == said


@pytest.mark.parametrize(
    ("container", "pod", "said"),
    [
        ("512Mi", "", "killed: used more than its 512Mi of memory"),
        ("512Mi", "1Gi", "killed: used more than its 512Mi of memory"),
        ("", "1Gi", "killed: the Pod used more than its 1Gi of memory"),
        ("", "", "killed: the node ran out of memory, and the container has no memory limit"),
    ],
)
def test_a_lack_of_memory_names_the_limit_if_there_was_one(container, pod, said):
    assert words.out_of_memory(container, pod) == said


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param(
            'failed to create containerd task: failed to create shim task: OCI runtime create failed:'
            ' runc create failed: unable to start container process: exec: "nope": executable file '
            "not found in $PATH: unknown",
            'the program cannot be started: "nope": executable file not found in $PATH',
            id="no such program",
        ),
        pytest.param(
            'failed to create containerd task: exec: "/data": permission denied: unknown',
            'the program cannot be started: "/data": permission denied',
            id="a directory",
        ),
        pytest.param(
            "failed to create containerd task: mkdir /x: read-only file system: unknown",
            "the container could not be started: failed to create containerd task: mkdir /x: "
            "read-only file system",
            id="another cause",
        ),
        pytest.param("", "the container could not be started", id="no word"),
    ],
)  # fmt: skip
def test_a_program_that_cannot_be_started(message, said):
    assert words.not_startable(message) == said


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(pod_json.NO_PROGRAM, True, id="not in the path"),
        pytest.param('x: exec: "/data": permission denied: unknown', True, id="a directory"),
        pytest.param('exec: \\"/x\\": stat /x: no such file or directory', True, id="quoted twice"),
        pytest.param("x: exec /run.sh: no such file or directory", True, id="no interpreter"),
        pytest.param("x: exec /usr/bin/tool: exec format error", True, id="of another machine"),
        pytest.param(
            'OCI runtime create failed: runc create failed: unable to start container process: error '
            'during container init: chdir to cwd ("/nope") set in config.json failed: no such file or '
            "directory: unknown", True, id="no such working directory",
        ),
        pytest.param("crun: executable file `nope` not found in $PATH", True, id="crun"),
        pytest.param("crun: open executable: Permission denied", True, id="crun, no right"),
        pytest.param('error finding executable "nope" in PATH []', True, id="gVisor"),
        pytest.param(pod_json.NO_NAMESPACE, False, id="the sandbox has gone"),
        pytest.param(
            "fork/exec /usr/bin/runc: resource temporarily unavailable", False, id="no processes left",
        ),
        pytest.param(
            'exec: "runc": executable file not found in $PATH', False, id="no runtime",
        ),
        pytest.param(
            'failed to start shim: exec: "/usr/bin/containerd-shim-runc-v2": permission denied', False,
            id="no shim",
        ),
        pytest.param("context deadline exceeded", False, id="a runtime that is too slow"),
        pytest.param(
            "error mounting /x: no such file or directory", False, id="a volume that has gone"
        ),
        pytest.param("", False, id="no word"),
    ],
)  # fmt: skip
def test_only_a_program_that_cannot_be_executed_is_the_users_mistake(message, expected):
    assert words.cannot_be_executed(message) == expected


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param(
            'Back-off pulling image "x.example/a:1": ErrImagePull: rpc error: code = NotFound desc = '
            'failed to pull and unpack image "x.example/a:1": failed to resolve reference '
            '"x.example/a:1": x.example/a:1: not found',
            "x.example/a:1: not found",
            id="containerd, while it backs off",
        ),
        pytest.param(
            RPC + 'failed to pull and unpack image "x.example/a:1": failed to resolve reference '
            '"x.example/a:1": failed to do request: Head "https://x.example/v2/a/manifests/1": dial '
            "tcp: lookup x.example on 10.96.0.10:53: no such host",
            "x.example/a:1: dial tcp: lookup x.example on 10.96.0.10:53: no such host",
            id="no such registry",
        ),
        pytest.param(
            RPC + 'failed to pull and unpack image "x.example/a:1": failed to resolve reference '
            '"x.example/a:1": pull access denied, repository does not exist or may require '
            "authorization: server message: insufficient_scope: authorization failed",
            "x.example/a:1: pull access denied, repository does not exist or may require "
            "authorization: server message: insufficient_scope: authorization failed",
            id="no right to pull it",
        ),
        pytest.param(
            RPC + 'failed to pull and unpack image "x.example/a:1": failed to copy: httpReadSeeker: '
            "failed open: unexpected status code https://x.example/v2/a/blobs/1: 429 Too Many "
            "Requests - Server message: toomanyrequests: You have reached your pull rate limit.",
            "x.example/a:1: unexpected status code https://x.example/v2/a/blobs/1: 429 Too Many "
            "Requests - Server message: toomanyrequests: You have reached your pull rate limit",
            id="too many pulls",
        ),
        pytest.param(
            "Error response from daemon: manifest for x.example/a:1 not found: manifest unknown",
            "manifest for x.example/a:1 not found: manifest unknown",
            id="Docker",
        ),
        pytest.param(
            RPC + "unable to pull image or OCI artifact: pull image err: initializing source "
            "docker://x.example/a:1: reading manifest 1 in x.example/a: manifest unknown",
            "reading manifest 1 in x.example/a: manifest unknown",
            id="CRI-O",
        ),
        pytest.param(
            'Back-off pulling image "x.example/a:1"', "x.example/a:1", id="an older kubelet"
        ),
        pytest.param("something new", "something new", id="what nobody knows"),
    ],
)  # fmt: skip
def test_an_image_is_told_with_the_registrys_own_word(message, said):
    found = words.image(message, 2, SINCE)
    assert found == f"image cannot be pulled: {said} (attempt 2, since 2026-01-01 10:42:05 UTC)"


def test_an_image_of_which_nothing_is_said():
    assert words.image("", 1, None) == "image cannot be pulled (attempt 1)"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            (
                'Failed to apply default image tag "A:": couldn\'t parse image name "A:": invalid '
                "reference format: repository name must be lowercase"
            ),
            (
                '"A:" is not the name of an image: invalid reference format: repository name must be '
                "lowercase"
            ),
        ),
        (
            'Container image "a:1" is not present with pull policy of Never',
            'image "a:1" is not on the node, and imagePullPolicy is Never',
        ),
        ("something new", "image cannot be used: something new"),
        ("", "image cannot be used"),
    ],
)
def test_an_image_that_no_waiting_brings(message, said):
    assert words.unusable_image(message) == said


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ('secret "db" not found', 'Secret "db" not found (attempt 2)'),
        ('configmap "db" not found', 'ConfigMap "db" not found (attempt 2)'),
        ("couldn't find key url in Secret ns/db", 'Secret "db" has no key "url" (attempt 2)'),
        (
            "couldn't find key url in ConfigMap ns/db",
            'ConfigMap "db" has no key "url" (attempt 2)',
        ),
        (
            "image will run as root",
            "container cannot be configured: image will run as root (attempt 2)",
        ),
        ("", "container cannot be configured (attempt 2)"),
    ],
)
def test_settings_that_are_missing_are_named(message, said):
    assert words.settings(message, 2, None) == said


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param(
            "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available: 3 "
            "No preemption victims found for incoming pod.",
            "cluster has no room: 0/3 nodes are available: 3 Insufficient memory",
            id="memory",
        ),
        pytest.param(
            "0/2 nodes are available: 2 Too many pods. no new claims to deallocate, preemption: 0/2 "
            "nodes are available: 2 No preemption victims found for incoming pod.",
            "cluster has no room: 0/2 nodes are available: 2 Too many pods",
            id="too many Pods, and claims",
        ),
        pytest.param(
            "0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}. preemption: "
            "0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
            "no node suits: 0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}",
            id="taint",
        ),
        pytest.param(
            '0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/1 nodes '
            "are available: 1 Preemption is not helpful for scheduling.",
            'no node suits: 0/1 nodes are available: persistentvolumeclaim "data" not found',
            id="no volume",
        ),
        pytest.param("no nodes available to schedule pods", "cluster has no nodes", id="no nodes"),
        pytest.param(
            'running Reserve plugin "VolumeBinding": binding volumes: timed out',
            'cannot be placed: running Reserve plugin "VolumeBinding": binding volumes: timed out',
            id="a plug-in",
        ),
        pytest.param("", "no node has been found for it", id="no word"),
    ],
)  # fmt: skip
def test_what_the_scheduler_says_comes_down_to_room_or_to_suitable_nodes(message, said):
    assert words.unschedulable(message) == said


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ((), "waits for its scheduling gates to be removed"),
        (("a.b/c",), "waits for its scheduling gate a.b/c to be removed"),
        (("a", "b", "c", "d"), "waits for its scheduling gates a, b, c … to be removed"),
    ],
)
def test_gates_are_named(gates, said):
    assert words.gated(gates) == said


def test_whoever_waits_in_a_queue_is_told_its_name_as_it_may_be_the_wrong_one():
    gates = ("kueue.x-k8s.io/admission", "kueue.x-k8s.io/topology")
    assert words.gated(gates, "team-a") == (
        "waits for Kueue's queue team-a to remove its scheduling gates kueue.x-k8s.io/admission, "
        "kueue.x-k8s.io/topology"
    )


def test_a_time_limit_says_its_number_and_what_it_was_spent_on():
    assert words.ran_too_long(600) == "ran longer than its timeoutSeconds of 600"
    assert words.ran_too_long(600, "waits for container proxy to end") == (
        "ran longer than its timeoutSeconds of 600; waits for container proxy to end"
    )
    assert words.pended_too_long(900, "cluster has no room: 0/3 nodes") == (
        "did not start within its pendingTimeoutSeconds of 900: cluster has no room: 0/3 nodes"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("one", "one"),
        ("\n\none\r\n  two\t2\n\n", "one ⏎ two\t2"),
        ("\x1b[31mred\x1b[0m\nplain\x07", "red ⏎ plain"),
    ],
)
def test_a_log_is_told_in_one_line_without_terminal_codes(text, said):
    assert words.lines_in_one(text) == said


def test_a_message_is_one_line_and_bounded():
    assert words.one_line(" a\n\tb\x00c ") == "a b c"
    assert len(words.one_line("x\n" * 5000)) == 1024


def test_a_word_of_the_cluster_leaves_room_for_ours():
    assert len(words.image("x" * 5000, 2, SINCE)) < 500
    assert words.image("x" * 5000, 2, SINCE).endswith("(attempt 2, since 2026-01-01 10:42:05 UTC)")
