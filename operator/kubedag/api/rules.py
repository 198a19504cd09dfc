"""One rule about one value, in the two languages that enforce it.

The API server refuses a bad object with CEL before it is stored; `kubedag validate` and the
operator judge the same object in Python, without a cluster. Both texts of a rule stand side by
side here, share one message, and are held against each other by the integration tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, model_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold of a value: `must` is the message, without its first word.

    `cel` is None where the API server has a check of its own. `holds` is None for rules about a
    change (`oldSelf`), which nobody but the API server can see. `field` names, as in JSON, the
    child that the message is about.
    """

    must: str
    cel: str | None = None
    holds: Callable[[Any], bool] | None = None
    field: str | None = None

    @property
    def message(self) -> str:
        return f"must {self.must}"

    def check(self, value: Any) -> Any:
        """The value itself, if the rule holds; else pydantic's way of refusing it."""
        if self.holds is None or self.holds(value):
            return value
        raise PydanticCustomError("must", "{must}", {"must": self.message, "field": self.field})

    def validation(self) -> dict[str, str]:
        """The rule as an item of `x-kubernetes-validations`."""
        at = {} if self.field is None else {"fieldPath": f".{self.field}"}
        return {"rule": self.cel or "", "message": self.message} | at

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        if self.holds is None:
            return schema
        return core_schema.no_info_after_validator_function(self.check, schema)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _with_rules(handler(schema), (self,))


def matching(pattern: str, must: str) -> Rule:
    """A rule for strings: CEL instead of a schema's `pattern`, which would explain nothing."""
    quoted = pattern.replace("\\", "\\\\")
    # Python's $ holds before a last line break, too; that of CEL does not.
    whole = re.sub(r"\$$", r"\\Z", pattern)
    return Rule(must, f"self.matches('{quoted}')", re.compile(whole, re.ASCII).match)  # type: ignore[arg-type]


class Ruled(BaseModel):
    """A model some of whose rules are about more than one of its fields."""

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.rules:
            rule.check(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _with_rules(handler.resolve_ref_schema(handler(schema)), cls.rules)


def _with_rules(schema: JsonSchemaValue, rules: tuple[Rule, ...]) -> JsonSchemaValue:
    validations = [rule.validation() for rule in rules if rule.cel is not None]
    if not validations:
        return schema
    return {**schema, VALIDATIONS: [*schema.get(VALIDATIONS, []), *validations]}
