"""What a node says of volumes and sandboxes, and what becomes of it."""

from __future__ import annotations

import pytest

from kubedag.core import words

SINCE = "2026-01-01T10:42:05Z"
WHERE = "(attempt 2, since 2026-01-01 10:42:05 UTC)"
SETUP = 'MountVolume.SetUp failed for volume "v" : '
ID = "0f" * 32
NOT_FOUND = [
    pytest.param(SETUP + 'secret "x" not found', 'Secret "x" not found', id="a Secret"),
    pytest.param(SETUP + 'configmap "x" not found', 'ConfigMap "x" not found', id="a ConfigMap"),
    pytest.param(SETUP + 'secrets "x" not found', 'Secret "x" not found', id="by the API itself"),
    pytest.param(
        SETUP + '[secret "x" not found, configmap "y" not found]',
        'Secret "x" not found, ConfigMap "y" not found', id="both, of one projected volume",
    ),
    pytest.param(
        SETUP + "references non-existent secret key: ca.crt",
        'Secret of volume "v" has no key "ca.crt"', id="a key of a Secret",
    ),
    pytest.param(
        SETUP + "configmap references non-existent config key: a_b",
        'ConfigMap of volume "v" has no key "a_b"', id="a key of a ConfigMap",
    ),
    pytest.param(
        'MountVolume.MountDevice failed for volume "pvc-1" : rpc error: code = Unknown desc = '
        'failed to get the credentials: secrets "x" not found',
        'Secret "x" not found', id="a Secret of a driver",
    ),
]  # fmt: skip
OTHERS = [
    pytest.param(
        SETUP + "mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs "
        "s:/x /var/lib/kubelet/pods/1\nOutput: mount.nfs: access denied by server\n",
        '"v": mount failed: exit status 32: mount.nfs: access denied by server', id="a command",
    ),
    pytest.param(
        'AttachVolume.Attach failed for volume "v" : rpc error: code = NotFound desc = no disk',
        '"v": no disk', id="a driver",
    ),
    pytest.param(
        'MountVolume.NewMounter initialization failed for volume "v" : path "/x" does not exist',
        '"v": path "/x" does not exist', id="not begun",
    ),
    pytest.param(
        "(combined from similar events): " + SETUP + "hostPath type check failed: /x is not a file",
        '"v": hostPath type check failed: /x is not a file', id="for the tenth time",
    ),
    pytest.param(
        SETUP + "failed to sync secret cache: timed out waiting for the condition",
        '"v": failed to sync secret cache: timed out waiting for the condition', id="a slow API",
    ),
    pytest.param(
        'Multi-Attach error for volume "v" Volume is already used by pod(s) p',
        'Multi-Attach error for volume "v" Volume is already used by pod(s) p', id="in use",
    ),
    pytest.param("something new\nof two lines", "something new of two lines", id="unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "said"), NOT_FOUND + OTHERS)
def test_a_volume_that_cannot_be_mounted_says_what_is_missing(message, said):
    assert words.not_mounted(message, 2, SINCE) == f"volume cannot be mounted: {said} {WHERE}"


@pytest.mark.parametrize(
    ("message", "lacks"),
    [pytest.param(*one.values[:1], True, id=one.id) for one in NOT_FOUND]
    + [pytest.param(*one.values[:1], False, id=one.id) for one in OTHERS],
)
def test_what_only_a_person_can_make_is_told_from_what_heals(message, lacks):
    assert words.lacks_settings(message) is lacks


def test_a_volume_of_which_nothing_is_said():
    assert words.not_mounted("", 1, None) == "volume cannot be mounted (attempt 1)"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param(
            "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network "
            f'for sandbox "{ID}": plugin type="x" failed (add): no addresses left',
            'failed to setup network for sandbox: plugin type="x" failed (add): no addresses left',
            id="no network; the sandbox is another one each time",
        ),
        pytest.param(
            "(combined from similar events): Failed to create pod sandbox: rpc error: code = Unknown "
            'desc = failed to get sandbox runtime: no runtime for "gvisor" is configured',
            'failed to get sandbox runtime: no runtime for "gvisor" is configured',
            id="no runtime",
        ),
        pytest.param("something new", "something new", id="unknown"),
    ],
)
def test_a_sandbox_that_cannot_be_created(message, said):
    assert words.no_sandbox(message, 2, SINCE) == f"sandbox cannot be created: {said} {WHERE}"


@pytest.mark.parametrize(
    ("waits", "said"), [("waits", "waits: Odd: one two"), ("", "Odd: one two")]
)
def test_a_warning_without_words_of_its_own_is_told_as_it_is(waits, said):
    assert words.warned(waits, "Odd", "one\ntwo") == said


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        ("Unable to attach or mount volumes: unmounted volumes=[v]: timed out", True),
        ('Unable to mount volumes for pod "p": timeout expired', True),
        (SETUP + "no", False),
    ],
)
def test_what_only_says_which_volumes_are_missing_is_no_cause(message, counts):
    assert words.only_counts_volumes(message) is counts


def test_what_a_node_says_leaves_room_for_ours():
    for tell in (words.not_mounted, words.no_sandbox):
        assert tell("x" * 5000, 2, SINCE).endswith(f" {WHERE}")
        assert len(tell("x" * 5000, 2, SINCE)) < 500
