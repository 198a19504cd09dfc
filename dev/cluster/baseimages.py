"""The public images that tasks and the operator's image start from: pulled, or made from Debian.

Where no registry answers, ``python:3.13-slim`` is a minimal Debian trixie with its own Python 3.13,
under the same name, so that an unmodified ``FROM python:3.13-slim`` resolves. It trusts the
certificates that this machine trusts, and its pip asks the index that this machine's pip asks.
"""

from __future__ import annotations

import configparser
import functools
import io
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import archive, nodeimage, paths, rootfs
from .locks import lock
from .problem import Problem
from .progress import step
from .run import run

if TYPE_CHECKING:
    from .engine import Engine

PYTHON = "python:3.13-slim"
BUSYBOX = "busybox:1.37"
SUITE = "trixie"
PACKAGES = (
    "busybox-static",
    "ca-certificates",
    "netbase",
    "python3",
    "python3-pip",
    "python3-venv",
    "tzdata",
)
LABEL = "dev.kubedag.base"
PULL_PATIENCE = 600.0
PIP_SETTINGS = ("extra-index-url", "index-url", "proxy", "retries", "timeout", "trusted-host")
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def ensure(engine: Engine) -> None:
    """See to it that the engine has both images."""
    for name in (BUSYBOX, PYTHON):
        if current(engine, name) or pull(engine, name):
            continue
        with lock("base-images"):
            if not current(engine, name):
                with step(f"make {name} from Debian {SUITE}"), rootfs.workshop() as folder:
                    _make(engine, name, folder)


def current(engine: Engine, name: str) -> bool:
    """Tell whether the engine has an image: a pulled one, or one made the way we make it now."""
    try:
        labels = f'{{{{index .Config.Labels "{LABEL}"}}}}'
        label = engine.docker("image", "inspect", "--format", labels, name).strip()
    except Problem:
        return False
    return label in ("", "<no value>", _key())


def pull(engine: Engine, name: str) -> bool:
    """Try to pull an image; say why not."""
    with step(f"pull {name}") as pulling:
        try:
            engine.docker("pull", "--quiet", name, timeout=PULL_PATIENCE)
        except Problem as problem:
            reason = problem.what.strip().splitlines()[-1].strip(" |")
            pulling.outcome = f"cannot be had ({reason})"
            return False
    return True


@functools.cache
def _key() -> str:
    return paths.digest(SUITE, *PACKAGES, *own_certificates(), pip_settings(), Path(__file__))


def _make(engine: Engine, name: str, folder: Path) -> None:
    debian = rootfs.debian(SUITE, PACKAGES)
    labels: dict[str, object] = {"Labels": {LABEL: _key()}}
    if name == BUSYBOX:
        layer = nodeimage.busybox_layer(debian / "usr/bin/busybox", folder / "layer.tar")
        image = archive.Image([name, "busybox:latest"], [layer], {"Cmd": ["sh"], **labels})
    else:
        root = folder / "root"
        run("cp", "-a", debian, root)
        _furnish(root)
        layer = archive.Layer.of_folder(root, folder / "layer.tar")
        env = [archive.SEARCH, "LANG=C.UTF-8"]
        image = archive.Image([name], [layer], {"Cmd": ["python3"], "Env": env, **labels})
    archive.write([image], folder / "image.tar")
    engine.docker("load", "--input", folder / "image.tar")


def _furnish(root: Path) -> None:
    """Make a Debian with Python look like the image of that name, at home on this machine."""
    (root / "usr/bin/busybox").unlink()
    for name in ("python", "python3", "python3.13"):
        (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3.13")
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()  # in a container, pip may install
    for number, certificate in enumerate(own_certificates()):
        file = root / f"usr/local/share/ca-certificates/machine-{number}.crt"
        file.write_text(f"{certificate}\n")
    run("chroot", root, "update-ca-certificates")
    if settings := pip_settings():
        (root / "etc/pip.conf").write_text(settings)
    for part in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man"):
        shutil.rmtree(root / part, ignore_errors=True)
        (root / part).mkdir(parents=True)


def own_certificates(
    bundle: Path = Path("/etc/ssl/certs/ca-certificates.crt"),
    packaged: Path = Path("/usr/share/ca-certificates"),
    added: Path = Path("/usr/local/share/ca-certificates"),
) -> list[str]:
    """List the certificates that this machine trusts and that are not the distribution's."""
    usual = {c for file in packaged.rglob("*.crt") for c in _certificates(file)}
    trusted = [c for file in [*sorted(added.rglob("*.crt")), bundle] for c in _certificates(file)]
    return [c for c in dict.fromkeys(trusted) if c not in usual]


def _certificates(file: Path) -> list[str]:
    if not file.is_file():
        return []
    return [c.replace("\r", "") for c in CERTIFICATE.findall(file.read_text(errors="replace"))]


def pip_settings() -> str:
    """Return what an image's pip must be told to reach what this machine's pip reaches."""
    try:
        said = run(sys.executable, "-m", "pip", "config", "list")
    except Problem:
        return ""
    return select_pip_settings(said)


def select_pip_settings(said: str) -> str:
    """Turn the output of `pip config list` into a configuration file, less paths of this machine."""
    found = re.findall(r"^(global|:env:)\.([\w-]+)='(.*)'$", said, re.MULTILINE)
    kept = {
        key: value
        for section in ("global", ":env:")  # the environment has the last word
        for where, key, value in found
        if where == section and key in PIP_SETTINGS
    }
    if not kept:
        return ""
    config = configparser.RawConfigParser()
    config["global"] = kept
    text = io.StringIO()
    config.write(text)
    return text.getvalue()
