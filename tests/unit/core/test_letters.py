"""What people are told, in each of its forms: bounded, and never read as markup or as a header."""

import json
from dataclasses import replace

import pytest

from kubedag.api import notification as api
from kubedag.api.enums import NotificationEvent
from kubedag.core import letters, rows
from support.builders import run_facts, stamp

LETTER = letters.Letter(
    id="uid/team/TaskFailed/load/2",
    event="TaskFailed",
    namespace="ns",
    dag="sales",
    run="sales-1",
    run_type="Scheduled",
    logical_time=stamp(0),
    interval_start=stamp(0),
    interval_end=stamp(3600),
    task="load",
    attempt=2,
    failure_class="User",
    reason="ExitCode",
    message="exit code 1",
    log_tail="one\ntwo",
    time=stamp(60),
)


def test_a_letter_says_what_the_outbox_does():
    entry = rows.Notification(
        name="team", event="TaskFailed", key="TaskFailed/load/2", state="Pending",
        create_time=stamp(60), task="load", attempt=2, failure_class="User", cause="ExitCode",
        message="exit code 1", log_tail="one\ntwo",
    )  # fmt: skip
    run = replace(
        run_facts("sales-1", run_type="Scheduled", logical_time=stamp(0)),
        dag_name="sales", uid="uid", interval_start=stamp(0), interval_end=stamp(3600),
    )  # fmt: skip
    assert letters.of(entry, run) == LETTER


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("RunFailed", "DAG sales: run sales-1 failed (ExitCode)"),
        ("RunRecovered", "DAG sales: run sales-1 succeeded again"),
        ("RunSucceeded", "DAG sales: run sales-1 succeeded"),
        ("TaskFailed", "DAG sales: task load of run sales-1 failed (ExitCode)"),
        ("RunLate", "DAG sales: run sales-1 is late"),
        ("ApprovalWanted", "DAG sales: task load of run sales-1 asks for approval"),
        ("BackfillDone", "DAG sales: Backfill is over (ExitCode)"),
    ],
)
def test_every_event_has_its_words(event, said):
    assert LETTER._replace(event=event).summary == said


def test_no_event_is_without_words():
    assert set(letters._SAYS) == set(NotificationEvent)


def test_an_email_says_all_of_it():
    assert letters.text(LETTER) == (
        "DAG sales: task load of run sales-1 failed (ExitCode)\n"
        "\n"
        "Namespace: ns\n"
        "Interval: 2026-01-01T00:00:00Z to 2026-01-01T01:00:00Z\n"
        "Task: load (attempt 2)\n"
        "Class: User\n"
        "Reason: ExitCode\n"
        "Message: exit code 1\n"
        "\n"
        "The log ends with:\n"
        "\n"
        "    one\n"
        "    two\n"
        "\n"
        "To look, and to go on:\n"
        "\n"
        "    kubectl -n ns describe dagrun sales-1\n"
        "    kubedag rerun sales-1 -n ns\n"
    )


def test_of_a_success_there_is_nothing_to_run_again():
    assert letters.commands(LETTER._replace(event="RunSucceeded")) == [LETTER.look]


# --- Slack -----------------------------------------------------------------------------------


def test_slack_is_told_in_blocks_with_a_text_for_who_shows_none():
    said = letters.slack(LETTER)
    assert said["text"] == LETTER.summary
    shown = [block["text"]["text"] for block in said["blocks"]]
    assert shown == [
        "*DAG sales: task load of run sales-1 failed (ExitCode)*",
        "\n".join(letters.lines(LETTER)),
        "```one\ntwo```",
        "```kubectl -n ns describe dagrun sales-1\nkubedag rerun sales-1 -n ns```",
    ]


@pytest.mark.parametrize(
    "tail",
    [
        "x" * 10_000,
        "&" * 10_000,
        "```" * 3000,
        "<!channel>\n" * 900,
        "é<&>" * 3000,
        "\x1b[31m" * 99,
    ],
    ids=["long", "escapes", "fences", "calls", "mixed", "terminal codes"],
)
def test_no_log_breaks_out_of_its_block_or_makes_it_too_long(tail):
    shown = letters.slack(LETTER._replace(log_tail=tail, message=tail))
    for block in shown["blocks"]:
        text = block["text"]["text"]
        assert len(text) <= 3000
        if block["text"]["type"] == "mrkdwn":
            assert "<" not in text
            assert text.count("```") in (0, 2)
        assert "\x1b" not in text


# --- JSON and templates ----------------------------------------------------------------------


def test_a_webhook_is_told_in_documented_json():
    body, kind = letters.body(LETTER)
    assert kind == "application/json"
    assert json.loads(body) == {
        "apiVersion": "kubedag.dev/v1alpha1",
        "kind": "Notification",
        "id": "uid/team/TaskFailed/load/2",
        "event": "TaskFailed",
        "time": "2026-01-01T00:01:00Z",
        "summary": "DAG sales: task load of run sales-1 failed (ExitCode)",
        "namespace": "ns",
        "dag": "sales",
        "run": "sales-1",
        "backfill": None,
        "runType": "Scheduled",
        "logicalTime": "2026-01-01T00:00:00Z",
        "dataInterval": {
            "startTime": "2026-01-01T00:00:00Z",
            "endTime": "2026-01-01T01:00:00Z",
        },
        "task": "load",
        "attempt": 2,
        "class": "User",
        "reason": "ExitCode",
        "message": "exit code 1",
        "logTail": "one\ntwo",
        "more": 0,
        "together": 1,
        "commands": {
            "look": "kubectl -n ns describe dagrun sales-1",
            "rerun": "kubedag rerun sales-1 -n ns",
        },
    }


HOSTILE = LETTER._replace(message='"}, "injected": {"x": "', log_tail="$dag ${run} $$ \\ \n")


@pytest.mark.parametrize(
    ("template", "expected", "kind"),
    [
        ("$dag/$run: $reason", b"sales/sales-1: ExitCode", "text/plain; charset=utf-8"),
        ("costs $$5", b"costs $5", "text/plain; charset=utf-8"),
        (
            '{"content": "$message", "n": 1, "of": ["${dag}s"]}',
            b'{"content":"\\"}, \\"injected\\": {\\"x\\": \\"","n":1,"of":["saless"]}',
            "application/json",
        ),
        ('{"x": "$log_tail"}', b'{"x":"$dag ${run} $$ \\\\ \\n"}', "application/json"),
    ],
    ids=["text", "a dollar", "no value breaks out", "what is filled in is not filled in again"],
)
def test_a_template_is_filled_in(template, expected, kind):
    assert letters.body(HOSTILE, template) == (expected, kind)


def test_the_placeholders_are_those_of_the_api():
    assert tuple(letters.values(LETTER)) == api.PLACEHOLDERS


def test_no_template_makes_a_body_without_a_bound():
    long = LETTER._replace(log_tail="x" * 1024, message="y" * 1024)
    body, _ = letters.body(long, "$log_tail" * 900)
    assert len(body) <= letters.BODY_BYTES_MAX
    body, _ = letters.body(long, json.dumps(["$log_tail"] * 600))
    assert len(body) <= 1 << 20


# --- Many at once ----------------------------------------------------------------------------


def test_many_letters_are_one():
    told = letters.digest([LETTER._replace(run=f"sales-{number}") for number in range(25)])
    assert told.summary.startswith("25 pieces of news, first DAG sales: task load of run sales-0")
    assert told.message.startswith("DAG sales: task load of run sales-0 failed (ExitCode); DAG")
    assert len(told.message) <= rows.MESSAGE_CHARS_MAX
    assert told.message.endswith(" … and 5 more")
    assert told.log_tail == ""
