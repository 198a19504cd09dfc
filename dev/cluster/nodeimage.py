"""The node image of kind, built from source where its stock image cannot be pulled.

kind's own files on a Debian with systemd and containerd, our Kubernetes binary, and the images
a control plane consists of, which kubeadm names. It differs from the stock image in three ways: the
network is a bridge instead of kindnet, crictl is a small script, and containerd does not ask for
what a machine without CAP_SYS_RESOURCE refuses (a negative ``oom_score_adj``).
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import archive, golang, paths, rootfs, tools
from .locks import lock
from .progress import step
from .run import run

if TYPE_CHECKING:
    from .engine import Engine

SUITE = "bookworm"
PACKAGES = (
    "bash",
    "busybox-static",
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "curl",
    "dbus",
    "e2fsprogs",
    "ethtool",
    "iproute2",
    "iptables",
    "jq",
    "kmod",
    "libseccomp2",
    "mount",
    "nftables",
    "pigz",
    "procps",
    "runc",
    "systemd",
    "systemd-sysv",
    "util-linux",
)
ENTRYPOINT = ["/usr/local/bin/entrypoint", "/sbin/init"]
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
STARTED_BY_DEBIAN = (
    "sysinit.target.wants/systemd-tmpfiles-setup.service",
    "multi-user.target.wants/*",
    "local-fs.target.wants/*",
    "basic.target.wants/*",
    "sockets.target.wants/*udev*",
    "sockets.target.wants/*initctl*",
    "containerd.service",  # kind brings its own
)
NOT_NEEDED = (
    "var/cache/apt/*",
    "var/lib/apt/lists/*",
    "var/log/*",
    "tmp/*",
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/locale/*",
    "usr/share/info/*",
    "usr/lib/*-linux-gnu/gconv",
)


def name() -> str:
    """Name the image after all it is made of."""
    parts = [tools.TOOLS[t].key() for t in ("kube", "coredns", "pause", "kind")]
    here = Path(__file__).parent
    own = [paths.FILES / "node", here / "nodeimage.py", here / "archive.py"]
    return f"kubedag-node:{tools.KUBERNETES}-{paths.digest(SUITE, *PACKAGES, *parts, *own)}"


def ensure(engine: Engine) -> str:
    """Return the name of the image, which the engine has."""
    image = name()
    if engine.has_image(image):
        return image
    with lock("node-image"):
        if not engine.has_image(image):
            programs = tools.ensure("kube", "coredns", "pause")
            debian = rootfs.debian(SUITE, PACKAGES)
            with step("make the node image"), rootfs.workshop() as folder:
                _make(engine, image, programs, debian, folder)
    return image


def _make(
    engine: Engine, image: str, programs: dict[str, Path], debian: Path, folder: Path
) -> None:
    node = folder / "node"
    run("cp", "-a", debian, node)
    names = _image_names(programs["kube"].parent / "kubeadm")
    _kinds_files(node)
    _services(node)
    _runtime(node, names["pause"])
    _kubernetes(node, programs["kube"], names["kube-proxy"])
    _preload(node, programs, names, folder)
    for pattern in NOT_NEEDED:
        _delete(node, pattern)
    layer = archive.Layer.of_folder(node, folder / "node.tar")
    config: dict[str, object] = {
        "Entrypoint": ENTRYPOINT,
        "StopSignal": "SIGRTMIN+3",
        "Env": [archive.SEARCH, "container=docker"],
    }
    archive.write([archive.Image([image], [layer], config)], folder / "image.tar")
    engine.docker("load", "--input", folder / "image.tar")


def _image_names(kubeadm: Path) -> dict[str, str]:
    """Ask kubeadm which images it will want, by the last part of their names."""
    said = run(kubeadm, "config", "images", "list", "--kubernetes-version", tools.KUBERNETES)
    return {re.split(r"[/:]", image)[-2]: image for image in said.split()}


def _kinds_files(node: Path) -> None:
    """Copy the entrypoint, units and settings out of kind's own source."""
    kind = tools.TOOLS["kind"]
    files = golang.module(kind.package, kind.release) / "images" / "base" / "files"
    for part in ("kind", "etc", "usr"):
        shutil.copytree(files / part, node / part, dirs_exist_ok=True, copy_function=shutil.copy)
    for path in [node / "kind", *(node / "kind" / "bin").rglob("*"), node / "kind" / "bin"]:
        path.chmod(0o755)
    for path in (node / "usr" / "local" / "bin").iterdir():
        path.chmod(0o755)


def _services(node: Path) -> None:
    """Leave systemd only what a node needs."""
    for pattern in STARTED_BY_DEBIAN:
        _delete(node, f"usr/lib/systemd/system/{pattern}")
    _delete(node, "etc/systemd/system/*.wants/*")
    journal = node / "etc" / "systemd" / "journald.conf"
    journal.write_text(f"{journal.read_text()}ReadKMsg=no\n")
    _link(node, "sbin/init", "/usr/lib/systemd/systemd")
    wanted = ["kubelet", "containerd", "undo-mount-hacks"]
    run("chroot", node, "systemctl", "--quiet", "enable", *wanted)
    run("chroot", node, "systemctl", "--quiet", "mask", "systemd-binfmt")


def _runtime(node: Path, pause: str) -> None:
    """Set containerd up, and put its programs where kind looks for them."""
    for program in ("containerd", "ctr", "containerd-shim-runc-v2"):
        _link(node, f"usr/local/bin/{program}", f"/usr/bin/{program}")
    _link(node, "usr/local/sbin/runc", "/usr/sbin/runc")
    for plugin in ("host-local", "loopback", "ptp", "portmap", "bridge"):
        _link(node, f"opt/cni/bin/{plugin}", f"/usr/lib/cni/{plugin}")
    (node / "etc/cni/net.d").mkdir(parents=True, exist_ok=True)
    shutil.copy(paths.FILES / "node" / "crictl", node / "usr/local/bin/crictl")
    config = node / "etc/containerd/config.toml"
    text = config.read_text()
    text = re.sub(r'sandbox_image = ".*"', f'sandbox_image = "{pause}"', text)
    text = text.replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true")
    config.write_text(text)
    spec = json.loads(run("chroot", node, "ctr", "oci", "spec"))
    spec["process"].pop("rlimits", None)
    hook = {"path": "/kind/bin/mount-product-files.sh"}
    spec.setdefault("hooks", {}).setdefault("createContainer", []).append(hook)
    (node / "etc/containerd/cri-base.json").write_text(json.dumps(spec, indent=1))


def _kubernetes(node: Path, kube: Path, proxy_image: str) -> None:
    """Add Kubernetes, and the manifest of the Pods' network, which kind applies."""
    shutil.copy(kube, node / "usr/bin/kube")
    for program in ("kubelet", "kubeadm", "kubectl"):
        _link(node, f"usr/bin/{program}", "kube")
    (node / "etc/kubernetes/manifests").mkdir(parents=True, exist_ok=True)
    (node / "kind/version").write_text(tools.KUBERNETES)
    (node / "kind/manifests").mkdir(exist_ok=True)
    network = (paths.FILES / "node" / "default-cni.yaml").read_text()
    (node / "kind/manifests/default-cni.yaml").write_text(
        network.replace("@KUBE_PROXY@", proxy_image)
    )


def _preload(node: Path, programs: dict[str, Path], names: dict[str, str], folder: Path) -> None:
    """Put the control plane's images into the node's containerd."""
    out = node / "images.tar"
    archive.write(_images(node, programs, names, folder), out)
    shutil.copy(paths.FILES / "node" / "preload", node / "preload")
    run(*rootfs.ALONE, "chroot", node, "/preload", "/images.tar")
    out.unlink()
    (node / "preload").unlink()


def _images(
    node: Path, programs: dict[str, Path], names: dict[str, str], folder: Path
) -> list[archive.Image]:
    base = busybox_layer(node / "bin/busybox", folder / "base.tar")
    writer = archive.LayerWriter(folder / "kube.tar")
    writer.file("usr/local/bin/kube", programs["kube"])
    for program in (*CONTROL_PLANE, "kube-proxy", "kubectl"):
        writer.link(f"usr/local/bin/{program}", "kube")
    kube = writer.done()
    images = [archive.Image([names[n]], [base, kube]) for n in CONTROL_PLANE]
    firewall = _firewall_layer(node, folder / "firewall.tar")
    images.append(archive.Image([names["kube-proxy"]], [base, kube, firewall]))
    for program, layers in (("coredns", [base]), ("pause", [])):
        writer = archive.LayerWriter(folder / f"{program}.tar")
        writer.file(program, programs[program])
        config: dict[str, object] = {"Entrypoint": [f"/{program}"]}
        images.append(archive.Image([names[program]], [*layers, writer.done()], config))
    return images


def busybox_layer(busybox: Path, tar: Path) -> archive.Layer:
    """Make the layer of a minimal system: busybox under all its names."""
    writer = archive.LayerWriter(tar)
    users = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
    writer.data("etc/passwd", users)
    writer.data("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    writer.folder("tmp", 0o1777)
    for path in ("proc", "sys", "dev", "run", "root", "var", "var/run"):
        writer.folder(path)
    writer.file("bin/busybox", busybox)
    for applet in run(busybox, "--list").split():
        if applet != "busybox":
            writer.link(f"bin/{applet}", "busybox")
    return writer.done()


def _firewall_layer(node: Path, tar: Path) -> archive.Layer:
    """Take iptables and nft, with the libraries they need, out of the node."""
    writer = archive.LayerWriter(tar)
    programs = [f"usr/sbin/{p}" for p in ("xtables-nft-multi", "xtables-legacy-multi")]
    programs += ["usr/sbin/nft", "usr/sbin/conntrack"]
    programs += [str(p.relative_to(node)) for p in node.glob("usr/lib/*/xtables/*")]
    needed: set[str] = set()
    for program in sorted(programs):
        if (node / program).is_symlink():
            writer.link(program, str((node / program).readlink()))
            continue
        writer.file(program, node / program)
        linked = run("chroot", node, "ldd", f"/{program}")
        needed |= set(re.findall(r"(?:=> |^\s+)(/\S+)", linked, re.MULTILINE))
    for library in sorted(needed):
        inside = library if library.startswith("/usr") else f"/usr{library}"
        writer.file(library[1:], node / inside[1:])
    writer.data(
        "usr/sbin/iptables-wrapper", (paths.FILES / "node/iptables-wrapper").read_bytes(), 0o755
    )
    for family in ("iptables", "ip6tables"):
        for kind in ("", "-save", "-restore"):
            writer.link(f"usr/sbin/{family}{kind}", "iptables-wrapper")
    return writer.done()


def _link(node: Path, path: str, target: str) -> None:
    link = node / path
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _delete(node: Path, pattern: str) -> None:
    for path in node.glob(pattern):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
