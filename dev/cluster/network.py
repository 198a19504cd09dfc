"""What a Docker engine does to a machine's network, and how to undo it.

dockerd leaves its bridges, firewall chains and ``ip_forward`` behind when it ends. So the state
before its start is written down, and afterwards what is new *and* looks like Docker's is taken
away: rules that somebody else added meanwhile stay.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import packages
from .processes import write_json
from .run import run

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
FAMILIES = {"iptables": "ip", "ip6tables": "ip6"}
BRIDGE = re.compile(r"docker0|docker_gwbridge|br-[0-9a-f]{12}|veth[0-9a-f]{7}")
DOCKERS = re.compile(r"DOCKER|docker0|br-[0-9a-f]{12}|-s 172\.\d+\.\d+\.\d+/32 .*-j MASQUERADE")


@dataclass(frozen=True)
class Network:
    """The part of a machine's network state that a Docker engine changes."""

    namespace: str = ""  # a comparison makes sense within one network namespace only
    forward: str = ""
    interfaces: list[str] = field(default_factory=list)
    rules: dict[str, str] = field(default_factory=dict)  # family's command -> what it saves
    tables: list[str] = field(default_factory=list)  # of nft: "ip filter"

    @classmethod
    def now(cls) -> Network:
        """Look at the machine."""
        if not FORWARD.exists():
            return cls()
        return cls(
            namespace=str(Path("/proc/self/ns/net").readlink()),
            forward=FORWARD.read_text().strip(),
            interfaces=interfaces(Path("/proc/net/dev").read_text()),
            rules={c: _ask(f"{c}-save") for c in FAMILIES},
            tables=sorted(
                re.findall(r"^table (\S+ \S+)", _ask("nft", "list", "tables"), re.MULTILINE)
            ),
        )

    def write(self, file: Path) -> None:
        """Keep it for later."""
        write_json(file, asdict(self))

    @classmethod
    def read(cls, file: Path) -> Network:
        """Return what was kept."""
        return cls(**json.loads(file.read_text()))


def interfaces(table: str) -> list[str]:
    """Read the names out of /proc/net/dev (/sys may show another namespace's)."""
    return sorted(line.partition(":")[0].strip() for line in table.splitlines() if ":" in line)


def leftovers(before: Network, now: Network) -> list[str]:
    """List what Docker has left, as a person would name it."""
    if before.namespace != now.namespace:
        return [f"the engine's network is {before.namespace}, this one is {now.namespace}"]
    found = [f"network interface {i}" for i in new_interfaces(before, now)]
    for command, saved in now.rules.items():
        chains, rules = new_rules(before.rules.get(command, ""), saved)
        found += [f"{command} chain {name} (table {table})" for table, name in chains]
        found += [f"{command} rule {rule} (table {table})" for table, rule in rules]
    found += [f"nft table {t}" for t in empty_new_tables(before, now)]
    if before.forward and now.forward != before.forward:
        found.append(f"ip_forward is {now.forward} and was {before.forward}")
    return found


def new_interfaces(before: Network, now: Network) -> list[str]:
    """List Docker's interfaces that were not there before."""
    return [i for i in now.interfaces if i not in before.interfaces and BRIDGE.fullmatch(i)]


def new_rules(before: str, now: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """List (table, chain) and (table, rule) that are new and Docker's, of two saved states."""
    known = set(_lines(before))
    chains, rules = [], []
    for table, line in _lines(now):
        if (table, line) in known or not DOCKERS.search(line):
            continue
        if line.startswith(":"):
            chains.append((table, line[1:].split()[0]))
        elif line.startswith("-A "):
            rules.append((table, line))
    return chains, rules


def removal(before: str, now: str) -> str:
    """Write the input for `iptables-restore --noflush` that takes Docker's rules away."""
    chains, rules = new_rules(before, now)
    ours = set(chains)
    text = ""
    for table in dict.fromkeys(t for t, _ in [*rules, *chains]):
        own = [name for t, name in chains if t == table]
        shared = [r for t, r in rules if t == table and (t, r.split()[1]) not in ours]
        lines = [f"-D{rule[2:]}" for rule in shared]
        lines += [f"-F {name}" for name in own] + [f"-X {name}" for name in own]
        text += "\n".join([f"*{table}", *lines, "COMMIT\n"])
    return text


def empty_new_tables(before: Network, now: Network) -> list[str]:
    """List the nft tables that iptables made for Docker and that hold no rule any more."""
    found = []
    for table in now.tables:
        family, name = table.split()
        saved = next((now.rules.get(c, "") for c, f in FAMILIES.items() if f == family), "")
        used = any(t == name and not _is_builtin(line) for t, line in _lines(saved))
        if table not in before.tables and name in {"filter", "nat", "raw", "mangle"} and not used:
            found.append(table)
    return found


def _is_builtin(line: str) -> bool:
    """Tell a chain that iptables itself makes, with its policy untouched."""
    return bool(re.match(r":(INPUT|OUTPUT|FORWARD|PREROUTING|POSTROUTING) ACCEPT", line))


def restore(before: Network) -> None:
    """Take away what Docker has left."""
    now = Network.now()
    if before.namespace != now.namespace:
        return  # what is here is not what the engine was started in
    for interface in new_interfaces(before, now):
        _try("ip", "link", "delete", interface)
    for command, saved in now.rules.items():
        if text := removal(before.rules.get(command, ""), saved):
            _try(f"{command}-restore", "--noflush", text=text)
    for table in empty_new_tables(before, Network.now()):
        _try("nft", "delete", "table", *table.split())
    if before.forward:
        FORWARD.write_text(before.forward)


def _lines(saved: str) -> list[tuple[str, str]]:
    """Split what `iptables-save` writes into (table, line), without counters and comments."""
    table, lines = "", []
    for raw in saved.splitlines():
        if raw.startswith("*"):
            table = raw[1:]
        elif raw.startswith((":", "-A ")):
            lines.append((table, re.sub(r" \[\d+:\d+\]$", "", raw)))
    return lines


def _ask(*args: str) -> str:
    program = shutil.which(args[0], path=packages.SEARCH)
    return run(program, *args[1:]) if program else ""


def _try(*args: str, text: str | None = None) -> None:
    program = shutil.which(args[0], path=packages.SEARCH)
    if program:
        run(program, *args[1:], text=text)
