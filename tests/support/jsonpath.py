"""As much of kubectl's JSONPath as our pages use: fields, the last item, one that is named, ranges."""

from __future__ import annotations

import re
from typing import Any

_STEP = re.compile(r'\.(\w+)|\[\?\(@\.(\w+)=="([^"]*)"\)\]|\[(-?\d+)\]|\[(\*)\]')
_RANGE = re.compile(r"\{range (\S+?)\}(.*?)\{end\}")
_PART = re.compile(r'\{"([^"]*)"\}|\{([^}]*)\}|([^{]+)')


def printed(found: Any, template: str) -> str:
    """What `-o jsonpath=TEMPLATE` prints of an object."""
    inner = _RANGE.fullmatch(template)
    if inner is None:
        return _line(found, template)
    return "".join(_line(one, inner[2]) for one in _values(found, inner[1]))


def _line(found: Any, template: str) -> str:
    parts = []
    for text, path, plain in _PART.findall(template):
        values = " ".join(map(str, _values(found, path))) if path else ""
        parts.append(values or plain or text.replace("\\n", "\n"))
    return "".join(parts)


def _values(found: Any, path: str) -> list[Any]:
    values, end = [found], 0
    for step in _STEP.finditer(path):
        assert step.start() == end, path
        end = step.end()
        field, key, wanted, index, every = step.groups()
        if field:
            values = [one[field] for one in values if field in one]
        elif key:
            values = [one for items in values for one in items if one.get(key) == wanted]
        elif every:
            values = [one for items in values for one in items]
        else:
            values = [items[int(index)] for items in values]
    assert end == len(path), path
    return values
