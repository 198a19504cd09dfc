"""What docs/notifications.md says is what there is."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from kubedag.api import dag, notification, parse
from kubedag.api.enums import NotificationEvent
from kubedag.cli import main
from kubedag.core import letters, notices, outbox
from kubedag.shell import addresses, notifier, receivers, senders
from kubedag.shell.errors import ApiError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
DAG, MAIL, ROLE, SECRET, TEMPLATE = (list(yaml.safe_load_all(block)) for block in BLOCKS)


@pytest.mark.parametrize(
    "spec",
    [
        DAG[0]["spec"],
        {**DAG[0]["spec"], **MAIL[0]["spec"]},
        {
            **DAG[0]["spec"],
            "notifications": [{"name": "n", "events": ["RunFailed"], **TEMPLATE[0]}],
        },
    ],
    ids=["the first", "e-mail", "template"],
)
def test_what_it_shows_of_dags_is_in_order(spec):
    assert isinstance(parse.parse(dag.DAGSpec, spec), dag.DAGSpec)


def test_its_table_has_every_event():
    told = re.findall(r"^\| `([A-Z]\w+)` \|", PAGE, re.MULTILINE)
    assert told == [str(event) for event in NotificationEvent]


def test_its_role_is_for_exactly_one_secret():
    role, binding = ROLE
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": ["sales-chat"],
            "verbs": ["get"],
        }
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    named = DAG[0]["spec"]["notifications"][0]["slack"]["urlFrom"]["secretKeyRef"]["name"]
    assert named in role["rules"][0]["resourceNames"]


def test_its_role_is_bound_to_the_account_that_the_run_names():
    (subject,) = ROLE[1]["subjects"]
    account = f"system:serviceaccount:{subject['namespace']}:{subject['name']}"
    no = ApiError(403, "Forbidden", f'secrets "sales-chat" is forbidden: User "{account}" cannot')
    assert addresses.unreadable("sales-chat", no).message in PAGE.splitlines()


def test_its_file_of_receivers_can_be_read():
    book = receivers.read(SECRET[0]["stringData"]["receivers.yaml"].encode())
    assert [one.name for one in book.receivers] == ["oncall", "team-a", "incidents"]
    assert [notice.name for notice in book.notices("team-b")] == ["operator:oncall"]
    assert set(book.model_dump(by_alias=True)) == {"receivers", "defaults", "onlyReceivers"}


def test_its_json_has_the_fields_that_are_sent():
    shown = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL).group(1))
    sent = letters.payload(
        letters.Letter("id", "TaskFailed", shown["namespace"], "sales", shown["run"],
                       task="load", reason="ExitCode", interval_end="x")
    )  # fmt: skip
    assert list(shown) == list(sent)
    assert shown["summary"] == sent["summary"]
    assert shown["commands"] == sent["commands"]


def test_its_names_for_templates_are_all_that_there_are():
    (line,) = re.findall(r"^The names: (.*)\.$", PAGE, re.MULTILINE)
    assert tuple(re.findall(r"`\$(\w+)`", line)) == notification.PLACEHOLDERS


def test_the_commands_that_people_are_told_can_be_typed():
    letter = letters.Letter("id", "RunFailed", "ns", "sales", "sales-1")
    program, *words = shlex.split(letter.rerun)
    typed = main.parser().parse_args(words)
    (run,) = typed.runs
    assert (program, typed.namespace, run.name) == ("kubedag", "ns", "sales-1")


@pytest.mark.parametrize(
    "said",
    [
        f"{senders.SEND_SECONDS_MAX:g} seconds at most; {outbox.TRIES_MAX} tries",
        f"from {outbox.PAUSES.backoff_seconds} seconds to 5 minutes",
        f"at most {notifier.PER_WINDOW_MAX} messages a minute",
        f"The outbox holds {outbox.OUTBOX_MAX} entries",
        f"the last {notices.TAIL_BYTES_MAX} bytes of its log",
    ],
)
def test_its_numbers_are_those_of_the_code(said):
    assert said in PAGE


def test_the_outbox_is_as_long_as_the_api_lets_it_be():
    assert outbox.OUTBOX_MAX == notification.OUTBOX_MAX
