"""Reads kubeconfig files by kubectl's rules, and says in which file and field a mistake is.

Several files merge (the first to name a cluster, user or context wins); a relative path means
relative to the file that says it. What would silently act as somebody else is refused, not ignored.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import yaml

from kubedag.shell.access import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class _Entry(msgspec.Struct, frozen=True, rename="kebab"):
    """One object of a kubeconfig file; unknown fields are left alone, as kubectl does."""


class Extension(_Entry, frozen=True):
    name: str = ""
    extension: Any = None


class Cluster(_Entry, frozen=True):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    extensions: tuple[Extension, ...] | None = None


class EnvVar(_Entry, frozen=True):
    name: str
    value: str = ""


class Exec(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    command: str
    args: tuple[str, ...] | None = None
    env: tuple[EnvVar, ...] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class User(_Entry, frozen=True):
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    exec: Exec | None = None
    auth_provider: Any = None
    username: str = ""
    impersonate: str = msgspec.field(default="", name="as")


class Context(_Entry, frozen=True):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(_Entry, frozen=True):
    name: str
    cluster: Cluster = Cluster()


class _NamedUser(_Entry, frozen=True):
    name: str
    user: User | None = None


class _NamedContext(_Entry, frozen=True):
    name: str
    context: Context = Context()


class _File(_Entry, frozen=True):
    current_context: str = ""
    clusters: tuple[_NamedCluster, ...] | None = None
    users: tuple[_NamedUser, ...] | None = None
    contexts: tuple[_NamedContext, ...] | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The cluster and user of one context, and the files that their relative paths start from."""

    context: str
    namespace: str
    cluster: Cluster
    cluster_file: Path
    user: User
    user_file: Path


def paths(environ: Mapping[str, str], explicit: str = "") -> tuple[Path, ...]:
    """The files to merge: the one named, else those of KUBECONFIG, else ~/.kube/config."""
    if explicit:
        return (Path(explicit),)
    listed = [part for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if listed:
        return tuple(Path(part) for part in dict.fromkeys(listed))
    return (Path(environ.get("HOME", "~")).expanduser() / ".kube" / "config",)


def choose(files: Sequence[Path], context: str = "") -> Chosen:
    """Merge files and pick a context, else the current one. Raises `CredentialsError`."""
    merged = _Merged()
    shown = os.pathsep.join(map(str, files))
    existing = [file for file in files if file.exists()]
    if not existing:
        raise CredentialsError(shown, "", "must exist")
    for file in existing:
        merged.add(file, _parse(file))
    name = context or merged.current_context
    if not name:
        raise CredentialsError(shown, "current-context", "must be set (or a context be named)")
    chosen, context_file = _named(merged.contexts, "contexts", name, shown)
    at = f"contexts[{name}].context"
    cluster, cluster_file = _named(
        merged.clusters, f"{at}.cluster", chosen.cluster, str(context_file)
    )
    user, user_file = (
        _named(merged.users, f"{at}.user", chosen.user, str(context_file))
        if chosen.user
        else (User(), context_file)
    )
    _refuse(cluster, cluster_file, user, user_file)
    return Chosen(
        name, chosen.namespace or "default", cluster, cluster_file, user or User(), user_file
    )


def relative(path: str, file: Path) -> Path:
    """A path as the file that says it means it."""
    return file.parent / Path(path).expanduser()


def pem(data: str, path: str, file: Path, field: str) -> str:
    """The text of a certificate or key given as base64 data, or as a path."""
    if data:
        try:
            return base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            message = f"must be PEM in base64: {error}"
            raise CredentialsError(str(file), f"{field}-data", message) from error
    return read(relative(path, file), str(file), field) if path else ""


def read(path: Path, source: str, field: str) -> str:
    """The text of a file that a field names."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(source, field, f"must name a readable file: {error}") from error


class _Merged:
    """kubectl's merge: the first file to say something wins."""

    def __init__(self) -> None:
        self.current_context = ""
        self.clusters: dict[str, tuple[Cluster, Path]] = {}
        self.users: dict[str, tuple[User | None, Path]] = {}
        self.contexts: dict[str, tuple[Context, Path]] = {}

    def add(self, path: Path, file: _File) -> None:
        self.current_context = self.current_context or file.current_context
        for cluster in file.clusters or ():
            self.clusters.setdefault(cluster.name, (cluster.cluster, path))
        for user in file.users or ():
            self.users.setdefault(user.name, (user.user, path))
        for context in file.contexts or ():
            self.contexts.setdefault(context.name, (context.context, path))


def _parse(file: Path) -> _File:
    try:
        return msgspec.convert(yaml.safe_load(file.read_text()) or {}, _File)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$.")
        raise CredentialsError(str(file), where.rstrip("`"), message) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CredentialsError(str(file), "", f"must be a kubeconfig in YAML: {error}") from error


T = TypeVar("T")


def _named(
    entries: Mapping[str, tuple[T, Path]], field: str, name: str, source: str
) -> tuple[T, Path]:
    if name not in entries:
        message = f"must name one of {_listed(entries)}; {name!r} is none"
        raise CredentialsError(source, field, message)
    return entries[name]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)[:20])) or "none at all"


def _refuse(cluster: Cluster, cluster_file: Path, user: User | None, user_file: Path) -> None:
    if not cluster.server.startswith(("https://", "http://")):
        message = f"must be an http(s) URL; {cluster.server!r} is none"
        raise CredentialsError(str(cluster_file), "cluster.server", message)
    if user is None:
        return
    for field, used in (
        ("auth-provider", user.auth_provider is not None),
        ("username", bool(user.username)),
        ("as", bool(user.impersonate)),
    ):
        if used:
            message = "is not supported; use a token, a client certificate or an exec plugin"
            raise CredentialsError(str(user_file), f"user.{field}", message)


def to_base64(text: str) -> str:
    """Text as the `-data` fields have it."""
    return base64.b64encode(text.encode()).decode()
