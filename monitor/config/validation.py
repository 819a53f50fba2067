"""Tables of a config turned into models, and every refusal into a fault with file, line and key.

What one table says about another (names that must exist, ids that must differ) is in `checks`.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from monitor.config.faults import ConfigWarning, Fault, did_you_mean, kind_of, shown
from monitor.config.model import (
    CHANNEL_KINDS,
    EntityTable,
    FragmentTable,
    MatterTable,
    RuleTable,
    SourceConfig,
)
from monitor.config.sections.single import HealthSettings, HistorySettings, Network, Settings
from monitor.config.toml.lines import KeyPath
from monitor.config.toml.reading import Reading, unknown_section

SINGLE: Final[Mapping[str, type[BaseModel]]] = {
    "tipstaff": Settings,
    "network": Network,
    "health": HealthSettings,
    "history": HistorySettings,
}
REPEATED: Final[Mapping[str, type[BaseModel] | None]] = {
    "source": SourceConfig,
    "entity": EntityTable,
    "matter": MatterTable,
    "fragment": FragmentTable,
    "rule": RuleTable,
    "channel": None,
}
"""None: the model depends on the table's `kind`."""
SECTIONS: Final = frozenset({*SINGLE, *REPEATED, "include"})

Model = TypeVar("Model", bound=BaseModel)


@dataclass(slots=True)
class Ledger:
    """Collects what is wrong, each with its place and the name of the table it stands in."""

    reading: Reading
    overridden: dict[KeyPath, str] = field(default_factory=dict)
    """Keys whose value does not come from a file, with the name of what it comes from."""
    faults: list[Fault] = field(default_factory=list)
    warnings: list[ConfigWarning] = field(default_factory=list)

    def fault(
        self, path: KeyPath, message: str, hint: str = "", *, at: tuple[int, int] | None = None, snippet: str = ""
    ) -> None:
        """Write down a fault at a key; `at` is a more exact line and column in the same file."""
        file, line, column = self._place(path, at)
        self.faults.append(
            Fault(
                file=file,
                line=line,
                column=column,
                where=self.where(path),
                key=key_of(path),
                message=message,
                hint=hint,
                snippet=snippet,
            )
        )

    def warn(self, path: KeyPath, message: str, hint: str = "") -> None:
        """Write down a warning at a key."""
        file, line, _ = self._place(path, None)
        self.warnings.append(
            ConfigWarning(file=file, line=line, where=self.where(path), key=key_of(path), message=message, hint=hint)
        )

    def place(self, path: KeyPath) -> str:
        """Return `file:line` of a key."""
        file, line, _ = self._place(path, None)
        return f"{file}:{line}" if line else file

    def where(self, path: KeyPath) -> str:
        """Return the table of a key as its author sees it."""
        section = str(path[0])
        if section in SINGLE:
            return f"[{section}]"
        if len(path) < 2 or not isinstance(path[1], int):
            return ""
        table = self.table(section, path[1])
        name = table.get("id", table.get("name"))
        label = f'"{name[:64]}"' if isinstance(name, str) and name else f"#{path[1] + 1}"
        return f"[[{section}]] {label}"

    def table(self, section: str, number: int) -> dict[str, Any]:
        """Return one table of a section, or an empty one where there is none."""
        tables = self.reading.table.get(section)
        if isinstance(tables, list) and number < len(tables) and isinstance(tables[number], dict):
            found: dict[str, Any] = tables[number]
            return found
        return {}

    def tables(self, section: str) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
        """Yield every table of a section that is one, valid or not, with its path."""
        tables = self.reading.table.get(section)
        for number, table in enumerate(tables if isinstance(tables, list) else []):
            if isinstance(table, dict):
                yield (section, number), table

    def _place(self, path: KeyPath, at: tuple[int, int] | None) -> tuple[str, int, int | None]:
        named = self.overridden.get(path[:2])
        origin = self.reading.origin(path)
        if named is not None or origin is None:
            return named or str(self.reading.root), 0, None
        file, inner = origin
        if at is not None:
            return file.shown, *at
        return file.shown, file.lines.position(inner)[0], None


def key_of(path: KeyPath) -> str:
    """Return the key of a path as a fault names it: `example #2 alert`, `headers.Authorization`, `channels`."""
    parts = list(path[2:] if len(path) > 1 and isinstance(path[1], int) else path[1:] if path[0] in SINGLE else path)
    while parts and isinstance(parts[-1], int):
        parts.pop()
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f" #{part + 1} "
        else:
            text += part if not text or text.endswith(" ") else f".{part}"
    return text


def check_sections(ledger: Ledger) -> None:
    """Refuse unknown sections, and sections in the wrong kind of brackets."""
    for section, value in ledger.reading.table.items():
        path: KeyPath = (section,)
        if section not in SECTIONS:
            _refuse_section(ledger, section)
        elif section in SINGLE and not isinstance(value, dict):
            ledger.fault(path, "must be one table", f"write [{section}] once, in single brackets")
        elif section in REPEATED and not _is_list_of_tables(value):
            ledger.fault(path, "must be a list of tables", f"write [[{section}]], in double brackets")


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(table, dict) for table in value)


def _refuse_section(ledger: Ledger, section: str) -> None:
    origin = ledger.reading.origin((section,))
    file, inner = origin if origin else (None, ())
    name, line = (file.shown, file.lines.position(inner)[0]) if file else (str(ledger.reading.root), 0)
    fault = unknown_section(section, SECTIONS, file=name, line=line)
    home = _home_of(section)
    if home and not isinstance(ledger.reading.table[section], dict | list):
        ledger.fault((section,), "is not known at the top of the file", f"it belongs into {home}")
    else:
        ledger.faults.append(fault)


def validated(ledger: Ledger, model: type[Model], path: KeyPath, table: dict[str, Any]) -> Model | None:
    """Return a table as a model, or None when it has faults, which are written down."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _write_down(ledger, model, path, table, detail)
        return None


def single(ledger: Ledger, section: str, model: type[Model]) -> Model:
    """Return the model of a section that stands once; its defaults where it is absent or faulty."""
    table = ledger.reading.table.get(section, {})
    valid = validated(ledger, model, (section,), table) if isinstance(table, dict) else None
    return valid if valid is not None else model()


def repeated(ledger: Ledger, section: str, model: type[Model]) -> dict[KeyPath, Model]:
    """Return the models of the tables of a section that have no faults, by path."""
    found = ((path, validated(ledger, model, path, table)) for path, table in ledger.tables(section))
    return {path: valid for path, valid in found if valid is not None}


def channel_model(ledger: Ledger, path: KeyPath, table: Mapping[str, Any]) -> type[BaseModel] | None:
    """Return the model for a channel's `kind`, or None, with the fault written down."""
    kind = table.get("kind")
    known = ", ".join(CHANNEL_KINDS)
    if kind is None:
        ledger.fault((*path, "kind"), "is missing", f"known are {known}")
        keys = sorted({key for model in CHANNEL_KINDS.values() for key in keys_of(model)})
        for key in table:
            if key not in keys:
                ledger.fault((*path, key), "is not a known key", _hint_for_unknown(key, keys, (key,)))
    elif not isinstance(kind, str):
        ledger.fault((*path, "kind"), f"must be text, not {kind_of(kind)}", f"known are {known}")
    elif kind not in CHANNEL_KINDS:
        ledger.fault((*path, "kind"), f"{shown(kind)} is not one of {known}", did_you_mean(kind, CHANNEL_KINDS))
    return CHANNEL_KINDS.get(kind) if isinstance(kind, str) else None


def _write_down(
    ledger: Ledger, model: type[BaseModel], path: KeyPath, table: dict[str, Any], detail: ErrorDetails
) -> None:
    context = detail.get("ctx", {})
    inner = _real_path(table, detail)
    if detail["type"] == "tipstaff" and context.get("at"):
        inner = (*inner, context["at"])
    message, hint = _words(model, inner, detail, context)
    ledger.fault((*path, *inner), message, hint)


def _real_path(table: object, detail: ErrorDetails) -> KeyPath:
    """Return the location without the words that pydantic adds for unions and the keys of mappings."""
    path: KeyPath = ()
    at: object = table
    for number, part in enumerate(detail["loc"]):
        last = number == len(detail["loc"]) - 1
        if _has(at, part):
            at = at[part]  # type: ignore[index]
        elif not (last and detail["type"] == "missing"):
            continue
        path = (*path, part)
    return path


def _has(value: object, part: str | int) -> bool:
    if isinstance(value, tuple):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def _words(
    model: type[BaseModel], path: KeyPath, detail: ErrorDetails, context: Mapping[str, Any]
) -> tuple[str, str]:
    """Return message and hint for one refusal of pydantic's."""
    kind, value = detail["type"], detail["input"]
    message, hint = detail["msg"][:1].lower() + detail["msg"][1:], ""
    if kind == "tipstaff":
        message, hint = str(context["message"]), str(context["hint"])
    elif kind == "missing":
        message, hint = "is missing", _description(model, path)
    elif kind == "extra_forbidden":
        message, hint = "is not a known key", _hint_for_unknown(str(path[-1]), _keys(model, path[:-1]), path)
    elif kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        message = f"{shown(value)} is not one of {', '.join(known)}"
        hint = did_you_mean(value, known) if isinstance(value, str) else ""
    elif kind in _TYPES:
        message = f"must be {_TYPES[kind]}, not {kind_of(value)}"
        hint = f"write [{_quoted(value)}]" if kind == "tuple_type" and isinstance(value, str) else ""
    elif kind in _BOUNDS:
        message = _BOUNDS[kind].format(value=shown(value), **context)
    elif kind == "string_pattern_mismatch":
        message, hint = f"{shown(value)} does not have the right form", _description(model, path)
    return message, hint


_TYPES: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_BOUNDS: Final[Mapping[str, str]] = {
    "greater_than_equal": "{value} is below {ge}, the least allowed",
    "less_than_equal": "{value} is above {le}, the most allowed",
    "string_too_short": "must not be empty",
    "string_too_long": "is longer than {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "has more than {max_length} elements",
}


def _quoted(value: str) -> str:
    return '"' + value[:40].replace("\\", "\\\\").replace('"', '\\"') + '"'


def _description(model: type[BaseModel], path: KeyPath) -> str:
    """Return what editors are told about a key, as a hint."""
    owner = _model_at(model, path[:-1])
    for name, info in owner.model_fields.items() if owner else ():
        if path and (info.alias or name) == path[-1]:
            text = (info.description or "").rstrip(".")
            return text[:1].lower() + text[1:]
    return ""


def _hint_for_unknown(name: str, known: Collection[str], path: KeyPath) -> str:
    if name == "include":
        return "it must stand at the top of the file, before the first table"
    near = did_you_mean(name, known)
    home = "" if near or len(path) > 1 else _home_of(name)
    return near or (f"it belongs into {home}" if home else f"known are {', '.join(sorted(known))}")


def _home_of(name: str) -> str:
    """Return the single section that has a key of this name, or ""."""
    for section, model in SINGLE.items():
        if name in keys_of(model):
            return f"[{section}]"
    return ""


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys of a table as they are written."""
    return tuple(info.alias or name for name, info in model.model_fields.items())


def _keys(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    owner = _model_at(model, path)
    return keys_of(owner) if owner else ()


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """Return the model of the table at a path below a model."""
    at: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int) or at is None:
            continue
        annotation = next((i.annotation for n, i in at.model_fields.items() if (i.alias or n) == part), None)
        at = next(iter(_models_in(annotation)), None)
    return at


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)
