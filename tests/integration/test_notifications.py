"""People are told by real servers of runs on a real API server; the tests play the kubelet."""

import asyncio
import base64
import contextlib

import orjson
import pytest
from aiohttp import web

from integration.test_engine_on_a_real_api_server import Namespace, chain, eventually
from kubedag.shell import notifier, senders
from support import http_server, mail_server, operators, real_loop
from support.kinds import install
from support.objects import API_VERSION, a_run

pytestmark = pytest.mark.integration


class User(Namespace):
    """Who wants to be told."""

    def secret(self, name, **data):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}
        self.client.create(f"/api/v1/namespaces/{self.name}/secrets", body)

    def outbox(self, run="run"):
        """Who was told what, and what became of that."""
        found = self.get("dagruns", run).get("status", {}).get("notifications", [])
        return [(one["name"], one["event"], one["state"], one.get("reason", "")) for one in found]

    def told(self):
        """The reasons of the Events about runs."""
        events = self.client.get(f"/api/v1/namespaces/{self.name}/events")["items"]
        return {one["reason"] for one in events if one["involvedObject"]["kind"] == "DAGRun"}

    def run(self, name="run", *, fails=True):
        """A run whose first task fails, or all of whose tasks succeed."""
        self.create(a_run(name))
        if fails:
            self.end(self.pod_of("a", name), "Failed", 3)
        else:
            self.end(self.pod_of("a", name))
            self.end(self.pod_of("b", name))


class Hook:
    """A web server that answers with these codes (0: much too late), and with 200 from then on."""

    def __init__(self, *codes):
        self.codes = list(codes)
        self.taken = []

    async def __call__(self, request):
        self.taken.append(orjson.loads(await request.read()))
        code = self.codes.pop(0) if self.codes else 200
        await asyncio.sleep(0 if code else 30)
        return web.Response(status=code or 200)

    @property
    def events(self):
        return [one["event"] for one in self.taken]


@pytest.fixture(scope="module")
def kinds(api_server):
    install(api_server.client)


@pytest.fixture
def user(kinds, api_server, namespace):
    del kinds
    return User(api_server.client, namespace)


def by_secret(name="hook", key="url"):
    return {"urlFrom": {"secretKeyRef": {"name": name, "key": key}}}


@contextlib.asynccontextmanager
async def operator(api_server, user):
    async with operators.acting(api_server.kubeconfig, user.name) as acting:
        yield acting


async def in_thread(work, *args, **named):
    return await asyncio.to_thread(work, *args, **named)


def test_a_team_is_told_that_a_run_failed_and_that_the_next_one_succeeded(api_server, user):
    hook = Hook(500)  # once in trouble
    events = ["RunFailed", "RunRecovered", "TaskFailed"]

    async def scenario():
        async with http_server.serving(hook) as url, mail_server.receiving() as mail:
            user.secret("hook", url=url + "/token")
            server = {"host": "127.0.0.1", "port": mail.port, "security": "None"}
            email = {"to": ["team@example.com"], "from": "kubedag@example.com", "server": server}
            user.create(chain(notifications=[
                {"name": "web", "events": events, "webhook": by_secret()},
                {"name": "mail", "events": ["RunFailed"], "email": email},
            ]))  # fmt: skip
            async with operator(api_server, user):
                await in_thread(user.run)
                delivered = [
                    ("mail", "RunFailed", "Delivered", ""),
                    ("web", "RunFailed", "Delivered", ""),
                    ("web", "TaskFailed", "Delivered", ""),
                ]
                await eventually(lambda: sorted(user.outbox()) == delivered)
                await in_thread(user.run, "next", fails=False)
                await eventually(lambda: user.outbox("next") == [
                    ("web", "RunRecovered", "Delivered", "")
                ])  # fmt: skip
                await eventually(lambda: "NotificationSent" in user.told())
            return mail

    mail = real_loop.run(scenario())
    assert sorted(set(hook.events)) == ["RunFailed", "RunRecovered", "TaskFailed"]
    assert len(hook.events) == 4  # one of them twice: it was refused once
    failed = next(one for one in hook.taken if one["event"] == "RunFailed")
    assert (failed["task"], failed["class"], failed["run"]) == ("a", "User", "run")
    (letter,) = mail.mails
    assert letter["Subject"] == "[kubedag] DAG pipeline: run run failed (ExitCode)"
    assert f"kubectl -n {user.name} describe dagrun run" in letter.get_content()


def test_what_was_sent_and_not_stored_is_sent_again_by_the_next_operator(api_server, user):
    """At least once: nobody knows whether what was under way arrived."""
    hook = Hook()

    async def scenario():
        async with http_server.serving(hook) as url:
            user.secret("hook", url=url)
            told = {"name": "web", "events": ["RunFailed"], "webhook": by_secret()}
            user.create(chain(notifications=[told]))
            async with operator(api_server, user) as first:
                taken = hook.taken

                def before(method, path):
                    if method == "PUT" and path.endswith("/run/status") and taken:
                        first.kill()
                        raise asyncio.CancelledError

                first.api.before = before
                await in_thread(user.run)
                await eventually(lambda: hook.taken)
            assert user.outbox() == [("web", "RunFailed", "Pending", "")]
            async with operator(api_server, user):
                await eventually(lambda: user.outbox() == [("web", "RunFailed", "Delivered", "")])

    real_loop.run(scenario())
    assert hook.events == ["RunFailed", "RunFailed"]
    assert len({one["id"] for one in hook.taken}) == 1


def test_a_secret_that_is_missing_is_told_in_the_status_and_mended_there(api_server, user):
    hook = Hook()

    async def scenario():
        async with http_server.serving(hook) as url:
            told = {"name": "web", "events": ["RunFailed"], "webhook": by_secret()}
            user.create(chain(notifications=[told]))
            async with operator(api_server, user):
                await in_thread(user.run)
                await eventually(
                    lambda: user.outbox() == [("web", "RunFailed", "Pending", "SecretNotFound")]
                )
                user.secret("hook", url=url)
                await eventually(lambda: user.outbox() == [("web", "RunFailed", "Delivered", "")])

    real_loop.run(scenario())
    assert hook.events == ["RunFailed"]


def test_what_is_refused_fails_for_good_and_harms_no_run(api_server, user):
    hook = Hook(404)

    async def scenario():
        async with http_server.serving(hook) as url:
            web_hook = {"url": url}
            told = {"name": "web", "events": ["RunFailed"], "webhook": web_hook}
            user.create(chain(notifications=[told]))
            async with operator(api_server, user):
                await in_thread(user.run)
                await eventually(
                    lambda: user.outbox() == [("web", "RunFailed", "Failed", "ReceiverRefused")]
                )
                await eventually(lambda: "NotificationFailed" in user.told())

    real_loop.run(scenario())
    assert user.condition("dagruns", "run", "Succeeded") == ("False", "Failed")
    assert hook.events == ["RunFailed"]


def test_who_does_not_answer_is_asked_again_and_holds_up_nothing(api_server, user, monkeypatch):
    monkeypatch.setattr(senders, "SEND_SECONDS_MAX", 1.0)
    hook = Hook(0)

    async def scenario():
        async with http_server.serving(hook) as url:
            told = {"name": "web", "events": ["TaskFailed"], "webhook": {"url": url}}
            user.create(chain(notifications=[told]))
            async with operator(api_server, user):
                await in_thread(user.run)
                await eventually(user.has_ended)
                await eventually(
                    lambda: user.outbox() == [("web", "TaskFailed", "Pending", "ReceiverTimedOut")]
                )
                await eventually(lambda: user.outbox() == [("web", "TaskFailed", "Delivered", "")])

    real_loop.run(scenario())
    assert hook.events == ["TaskFailed", "TaskFailed"]


def test_a_flood_becomes_a_few_messages(api_server, user, monkeypatch):
    monkeypatch.setattr(notifier, "PER_WINDOW_MAX", 3)
    monkeypatch.setattr(notifier, "WINDOW_SECONDS", 4.0)
    hook, runs = Hook(), [f"run-{number}" for number in range(12)]

    async def scenario():
        async with http_server.serving(hook) as url:
            told = {"name": "web", "events": ["RunFailed"], "webhook": {"url": url}}
            user.create(chain(notifications=[told], concurrencyPolicy="Allow"))
            async with operator(api_server, user):
                for run in runs:
                    user.create(a_run(run, tasks=["no-such-task"]))
                await eventually(
                    lambda: all(
                        user.outbox(run) == [("web", "RunFailed", "Delivered", "")] for run in runs
                    )
                )

    real_loop.run(scenario())
    assert sum(one["together"] for one in hook.taken) == len(runs)
    assert len(hook.taken) < len(runs)


def test_the_end_of_a_backfill_is_told(api_server, user):
    hook = Hook()

    async def scenario():
        async with http_server.serving(hook) as url:
            told = {"name": "web", "events": ["BackfillDone"], "webhook": {"url": url}}
            schedule = {"cron": "0 0 1 1 *"}
            user.create(chain(notifications=[told], schedule=schedule))
            nothing = {"dagName": "pipeline", "startTime": "2025-02-01T00:00:00Z",
                       "endTime": "2025-03-01T00:00:00Z"}  # fmt: skip
            async with operator(api_server, user):
                user.client.create(
                    user.path("backfills"),
                    {
                        "apiVersion": API_VERSION,
                        "kind": "Backfill",
                        "metadata": {"name": "fill"},
                        "spec": nothing,
                    },
                )

                def outbox():
                    status = user.get("backfills", "fill").get("status", {})
                    return [one["state"] for one in status.get("notifications", [])]

                await eventually(lambda: outbox() == ["Delivered"])

    real_loop.run(scenario())
    assert hook.events == ["BackfillDone"]
    assert (hook.taken[0]["backfill"], hook.taken[0]["run"]) == ("fill", None)


def test_the_receivers_of_the_administrator_are_told_of_all_dags(api_server, user, tmp_path):
    hook, path, log = Hook(), tmp_path / "receivers.yaml", tmp_path / "log"
    env = {"NAMESPACE": user.name, "LEASE_NAME": "told", "WATCH_NAMESPACES": user.name}

    async def scenario():
        async with http_server.serving(hook) as url:
            book = {
                "receivers": [{"name": "chat", "slack": {"url": f"{url}/token"}}],
                "defaults": [{"receiver": "chat", "events": ["RunFailed"]}],
            }
            path.write_bytes(orjson.dumps(book))  # which is YAML
            env["NOTIFICATIONS_FILE"] = str(path)
            with operators.process(api_server.kubeconfig, log, **env):
                user.create(chain())
                await in_thread(user.run)
                await eventually(
                    lambda: user.outbox() == [("operator:chat", "RunFailed", "Delivered", "")]
                )

    real_loop.run(scenario())
    assert [one["text"] for one in hook.taken] == ["DAG pipeline: run run failed (ExitCode)"]
    assert "token" not in log.read_text()
    assert "Traceback" not in log.read_text()
