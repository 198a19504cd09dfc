"""Lists of the three kinds that server-side apply knows, each with a bound.

The API server enforces uniqueness and the bounds by itself; here they are enforced for those who
have no API server at hand.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

LIST_TYPE: Final = "x-kubernetes-list-type"
LIST_MAP_KEYS: Final = "x-kubernetes-list-map-keys"


def atomic_list(*, most: int, least: int = 0) -> tuple[Any, ...]:
    """A list that has one owner as a whole; the cheapest kind in `managedFields`."""
    return Field(max_length=most), _Items("atomic", least)


def set_list(*, most: int) -> tuple[Any, ...]:
    """A list of scalars that are unique and merged one by one."""
    return Field(max_length=most), _Items("set")


def map_list(key: str, *, most: int, least: int = 0) -> tuple[Any, ...]:
    """A list of objects that are unique by one of their fields and merged by it."""
    return Field(max_length=most), _Items("map", least, key)


@dataclass(frozen=True, slots=True)
class _Items:
    """Comes after the bound: pydantic knows a bound's JSON schema only on the list itself."""

    kind: str
    least: int = 0
    key: str | None = None

    def check(self, items: Sequence[Any]) -> Sequence[Any]:
        # Not pydantic's min_length: it counts only items without mistakes.
        if len(items) < self.least:
            raise PydanticCustomError("must", "{must}", {"must": "must not be empty"})
        if self.kind == "atomic":
            return items
        key = self.key
        values = items if key is None else [_get(item, key) for item in items]
        if len(set(values)) < len(values):
            raise PydanticCustomError("must", "{must}", {"must": self._repeated(values)})
        return items

    def _repeated(self, values: Sequence[Any]) -> str:
        repeated, _ = Counter(values).most_common(1)[0]
        what = "anything" if self.key is None else f"a {self.key}"
        return f"must not have {what} twice; {str(repeated)!r} is there more than once"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        if self.kind == "atomic" and not self.least:
            return schema
        return core_schema.no_info_after_validator_function(self.check, schema)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = {**handler(schema), LIST_TYPE: self.kind}
        if self.least:
            found["minItems"] = self.least
        if self.key is not None:
            found[LIST_MAP_KEYS] = [self.key]
        return found


def _get(item: Any, key: str) -> Any:
    return item[key] if isinstance(item, dict) else getattr(item, key)
