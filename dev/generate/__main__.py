"""Write what is generated; with ``--verify``, fail if that changed a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kubedag.api import crds
from kubedag.cli import main as commands

from . import apidocs, clidocs, crdcopies, reasonsdocs, valuesdocs

ROOT = Path(__file__).resolve().parents[2]
CHART = Path("charts/kubedag")


def outputs() -> dict[Path, str]:
    """Return what every generated file must contain, by its path in the repository."""
    texts = {name: crds.render(crd) for name, crd in crds.all_manifests().items()}
    copies = CHART / "templates" / "crds"
    reference = Path("docs/reference")
    values = (ROOT / CHART / "values.yaml").read_text(encoding="utf-8")
    return (
        {Path("crds") / name: text for name, text in texts.items()}
        | {copies / name: crdcopies.template(text) for name, text in texts.items()}
        | {
            reference / "api.md": apidocs.render(list(texts.values())),
            reference / "cli.md": clidocs.render(commands.parser()),
            reference / "chart.md": valuesdocs.render(values),
            reference / "reasons.md": reasonsdocs.render(),
        }
    )


def stray(expected: dict[Path, str]) -> list[Path]:
    """Return the CRDs and copies of CRDs that are not generated any more."""
    folders = sorted({path.parent for path in expected if path.suffix == ".yaml"})
    there = (path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).iterdir())
    return sorted(path for path in there if path not in expected)


def changed(expected: dict[Path, str]) -> list[Path]:
    """Return the generated files that do not have what they must."""
    return [path for path, text in expected.items() if _read(ROOT / path) != text]


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def main() -> int:
    """Write, remove what is no longer generated, and say what was touched."""
    parser = argparse.ArgumentParser(prog="python -m dev.generate", description=__doc__)
    parser.add_argument("--verify", action="store_true", help="fail if a file had to be changed")
    verify = parser.parse_args().verify
    expected = outputs()
    touched = changed(expected)
    for path in touched:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(expected[path], encoding="utf-8")
        print(f"wrote {path}")
    gone = stray(expected)
    for path in gone:
        (ROOT / path).unlink()
        print(f"removed {path}")
    if not touched and not gone:
        print(f"{len(expected)} generated files are up to date")
        return 0
    if verify:
        print("these were not what their sources say: look at `git diff` and commit them")
    return 1 if verify else 0


if __name__ == "__main__":
    sys.exit(main())
