"""Where a step leaves its result for the next one: a folder per run on the shared volume.

A folder per run keeps two runs apart. Each file has one writer and appears whole or not at all, so
a step that is killed and retried simply writes it again.
"""

import json
import os
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("DATA_DIR", "/data"))


def run_folder() -> Path:
    """The folder of this run; kubedag tells every task which run it belongs to."""
    return DATA / os.environ["KUBEDAG_RUN"]


def write(path: Path, text: str) -> None:
    """Write a whole file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    half.write_text(text)
    half.replace(path)
    print(f"wrote {path} ({len(text)} bytes)")


def save(name: str, rows: Any) -> None:
    """Leave a result for the steps that follow."""
    write(run_folder() / name, json.dumps(rows, indent=1) + "\n")


def load(name: str) -> Any:
    """Read what an earlier step of this run left."""
    return json.loads((run_folder() / name).read_text())
