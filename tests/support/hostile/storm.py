"""Applies manifests as kubectl would, and finds out what was said about each."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dev.cluster.procs import ApiError
from dev.cluster.procs.client import PATCH_TYPES
from support.hostile.manifest import JSON, Manifest, Refuser
from support.objects import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dev.cluster.procs.client import Client

_UNKNOWN = re.compile(r'(?:unknown|duplicate) field "([^"]+)"')
_ALREADY_SET = re.compile(r'key "([^"]+)" already set in map')
_PATH = re.compile(r"(?:^|[;:] )((?:spec|metadata)(?:[\w./-]|\[[^\]]*\])*)(?=: )")

TRIES_MAX = 20
CONFLICT = 409


@dataclass
class Outcome:
    """What became of one manifest."""

    manifest: Manifest
    name: str
    refuser: Refuser | None = None
    fields: list[str] = field(default_factory=list)
    message: str = ""
    cli: list[str] = field(default_factory=list)
    """The paths that `kubedag validate` names."""
    gone: bool = False

    @property
    def stored(self) -> bool:
        return self.refuser is not Refuser.API


def path(manifest: Manifest, namespace: str, name: str = "") -> str:
    base = f"/apis/{API_VERSION}/namespaces/{namespace}/{manifest.plural}"
    return f"{base}/{name}" if name else base


def send(client: Client, method: str, where: str, text: str, content_type: str = JSON) -> Any:
    """A request whose body is a text; what it says may be too deep for `json`."""
    headers = {"Authorization": f"Bearer {client._token}", "Content-Type": content_type}
    status, body = client._send(method, f"{where}?fieldValidation=Strict", text.encode(), headers)
    if status >= 400:
        raise ApiError(status, body)
    return body


def apply(client: Client, manifest: Manifest, namespace: str, name: str) -> Outcome:
    """Create it, or update what was there before."""
    outcome = Outcome(manifest, name)
    try:
        if manifest.before:
            send(client, "POST", path(manifest, namespace), manifest.before)
            replace(client, manifest, namespace, name)
        else:
            where = path(manifest, namespace)
            send(client, "POST", where, manifest.text, manifest.content_type)
    except ApiError as error:
        outcome.refuser = Refuser.API
        outcome.message, outcome.fields = refusal(error.body)
    return outcome


def replace(client: Client, manifest: Manifest, namespace: str, name: str) -> None:
    """As `kubectl replace`, which tries again if the operator has written in between."""
    where = path(manifest, namespace, name)
    for _ in range(TRIES_MAX):
        version = client.get(where)["metadata"]["resourceVersion"]
        guard = f'"metadata": {{"resourceVersion": "{version}", '
        try:
            send(client, "PUT", where, manifest.text.replace('"metadata": {', guard, 1))
        except ApiError as error:
            if error.status != CONFLICT:
                raise
        else:
            return
    raise AssertionError(f"{name} is written all the time")


def clear(client: Client, namespace: str) -> None:
    """Leave nothing behind on which another client could choke."""
    headers = {"Authorization": f"Bearer {client._token}", "Content-Type": PATCH_TYPES["merge"]}
    for plural in ("dags", "dagruns"):
        where = f"/apis/{API_VERSION}/namespaces/{namespace}/{plural}"
        client._send("DELETE", where, None, headers)
        for name in _conditions(client, namespace, plural):
            client._send("PATCH", f"{where}/{name}", b'{"metadata":{"finalizers":null}}', headers)


def refusal(body: str) -> tuple[str, list[str]]:
    """What the API server said, and the fields that it named."""
    said = json.loads(body)
    message = str(said.get("message", ""))
    causes = (said.get("details") or {}).get("causes") or ()
    fields = [cause["field"] for cause in causes if cause.get("field", "<nil>") != "<nil>"]
    return message, [*fields, *_UNKNOWN.findall(message), *_ALREADY_SET.findall(message)]


def settle(client: Client, namespace: str, outcomes: Iterable[Outcome], seconds: float) -> None:
    """Wait until the operator has said something about all that was stored."""
    open_ = {(one.manifest.plural, one.name): one for one in outcomes if one.stored}
    deadline = time.monotonic() + seconds
    while open_:
        for plural in ("dags", "dagruns"):
            names = [name for of, name in open_ if of == plural]
            seen = _conditions(client, namespace, plural) if names else {}
            for name in names:
                one = open_[plural, name]
                if name not in seen:
                    assert one.manifest.may_be_gone, f"{one.manifest.kind} is gone"
                    one.gone = True
                    del open_[plural, name]
                elif _judged(one, seen[name]):
                    del open_[plural, name]
        assert time.monotonic() < deadline, [
            (one.manifest.kind, name) for (_, name), one in open_.items()
        ]
        time.sleep(0.2)


_COLUMNS = "application/json;as=Table;v=v1;g=meta.k8s.io"


def _conditions(client: Client, namespace: str, plural: str) -> Mapping[str, Any]:
    """By name: the columns of kubectl, since a whole object may be too deep to be read here."""
    where = f"/apis/{API_VERSION}/namespaces/{namespace}/{plural}?includeObject=None"
    headers = {"Authorization": f"Bearer {client._token}", "Accept": _COLUMNS}
    status, body = client._send("GET", where, None, headers)
    assert status == 200, body
    table = json.loads(body)
    columns = [column["name"] for column in table["columnDefinitions"]]
    return {
        row["cells"][0]: dict(zip(columns, row["cells"], strict=True)) for row in table["rows"]
    }


def _judged(one: Outcome, columns: Mapping[str, Any]) -> bool:
    message = columns["Message"] or ""
    if one.manifest.plural == "dagruns":
        if not columns["State"]:
            return False
        said_by_hand = message.startswith("marked ")
        one.refuser, one.message = Refuser.NOBODY if said_by_hand else Refuser.RUN, message
    elif columns["Ready"] == "True":
        one.refuser = Refuser.NOBODY
    elif columns["Ready"] == "False":
        one.refuser, one.message = Refuser.OPERATOR, message
        if "that the API server takes" in message:
            one.refuser = Refuser.TRIAL
    else:
        return False
    one.fields = _PATH.findall(one.message)
    return True


def validate(folder: Path, outcomes: list[Outcome]) -> None:
    """Have `kubedag validate` judge all of them, as files."""
    for number, one in enumerate(outcomes):
        suffix = "json" if one.manifest.content_type == JSON else "yaml"
        file = folder / f"{number:04}.{suffix}"
        file.write_text(one.manifest.text.replace("{name}", one.name), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "kubedag.cli.main", "validate", "-f", str(folder)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    for line in done.stdout.splitlines()[:-1]:
        match = re.match(
            rf"{re.escape(str(folder))}/(\d+)[.]\w+: (?:DAG(?:Run)?/.*?: )?(.*?): ", line
        )
        if match is not None:  # else it goes on with the line before
            outcomes[int(match[1])].cli.append(match[2])


def related(one: str, other: str) -> bool:
    """Is one of them the other, or within it?"""
    plain = [re.sub(r"\[([A-Za-z][\w-]*)\]", r".\1", name) for name in (one, other)]
    short, long_ = sorted(plain, key=len)
    return long_ == short or long_.startswith((f"{short}.", f"{short}["))
