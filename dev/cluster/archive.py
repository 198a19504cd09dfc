"""Write container images without an engine and without a registry.

The format is that of ``docker save``, which Docker loads and containerd imports: a tar with each
layer (a tar as well), a configuration per image, and a manifest. Layers that images share are
in it once.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .run import run

if TYPE_CHECKING:
    from pathlib import Path

SEARCH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def architecture() -> str:
    """Return this machine's name among images."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


@dataclass(frozen=True)
class Layer:
    """A tar on disk, with the digest that images know it by."""

    tar: Path
    digest: str

    @classmethod
    def of(cls, tar: Path) -> Layer:
        """Take the digest of a tar."""
        with tar.open("rb") as file:
            return cls(tar, hashlib.file_digest(file, "sha256").hexdigest())

    @classmethod
    def of_folder(cls, folder: Path, tar: Path) -> Layer:
        """Make a whole folder a layer, with its owners and permissions."""
        run("tar", "--numeric-owner", "--one-file-system", "-C", folder, "-cf", tar, ".")
        return cls.of(tar)


class LayerWriter:
    """Puts a layer together from single files."""

    def __init__(self, tar: Path) -> None:
        """Start an empty layer."""
        self._path = tar
        self._tar = tarfile.open(tar, "w")  # noqa: SIM115 - done() closes it
        self._there: set[str] = set()

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Add a folder, and those above it."""
        parent = os.path.dirname(path)  # noqa: PTH120 - a path in the image
        if parent and parent not in self._there:
            self.folder(parent)
        if path in self._there:
            return
        self._there.add(path)
        self._add(path, tarfile.DIRTYPE, mode=mode)

    def data(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file with this content."""
        self.folder(os.path.dirname(path)) if "/" in path else None  # noqa: PTH120
        self._add(path, tarfile.REGTYPE, mode=mode, content=content)

    def file(self, path: str, source: Path, mode: int = 0o755) -> None:
        """Add a copy of a file."""
        self.data(path, source.resolve().read_bytes(), mode)

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self.folder(os.path.dirname(path)) if "/" in path else None  # noqa: PTH120
        self._add(path, tarfile.SYMTYPE, target=target)

    def done(self) -> Layer:
        """Close the layer."""
        self._tar.close()
        return Layer.of(self._path)

    def _add(
        self, path: str, kind: bytes, mode: int = 0o777, content: bytes = b"", target: str = ""
    ) -> None:
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.size, info.linkname = kind, mode, len(content), target
        self._tar.addfile(info, io.BytesIO(content))


@dataclass(frozen=True)
class Image:
    """A tagged image: layers, the lowest first, and what a container of it runs."""

    tags: list[str]
    layers: list[Layer]
    config: dict[str, object] = field(default_factory=dict)

    def configuration(self) -> bytes:
        """Return the configuration as Docker stores it."""
        whole = {
            "architecture": architecture(),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Env": [SEARCH], **self.config},
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{layer.digest}" for layer in self.layers],
            },
        }
        return json.dumps(whole, sort_keys=True).encode()


def write(images: list[Image], out: Path) -> None:
    """Write images into one archive."""
    with tarfile.open(out, "w") as tar:
        for layer in {layer.digest: layer for image in images for layer in image.layers}.values():
            tar.add(layer.tar, f"{layer.digest}.tar")
        manifest = []
        for image in images:
            content = image.configuration()
            name = f"{hashlib.sha256(content).hexdigest()}.json"
            _put(tar, name, content)
            layers = [f"{layer.digest}.tar" for layer in image.layers]
            manifest.append({"Config": name, "RepoTags": image.tags, "Layers": layers})
        _put(tar, "manifest.json", json.dumps(manifest).encode())


def _put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o644
    tar.addfile(info, io.BytesIO(content))
