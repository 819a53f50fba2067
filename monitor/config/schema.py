"""A config turned outwards: the JSON Schema that editors use, and a config in force as it may be shown to people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, TypeAdapter

from monitor.config.fields import named_texts_back
from monitor.config.loading import SOURCE_KINDS
from monitor.config.model import (
    AliasTable,
    Config,
    ConfigTables,
    EmailChannel,
    EntityTable,
    ExampleTable,
    FragmentTable,
    MatterTable,
    RuleTable,
    SourceConfig,
    WebhookChannel,
)
from monitor.config.secret import HIDDEN
from monitor.config.sections.single import HealthSettings, HistorySettings, Network, Settings
from rules.model import Entity, Example, Matter, Rule

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SHORTEST_SECRET: Final = 4
"""Shorter values are not looked for in other texts: they would hide half of them."""
_MODELS: Final[tuple[type[BaseModel], ...]] = (
    Settings,
    Network,
    HealthSettings,
    HistorySettings,
    SourceConfig,
    AliasTable,
    EntityTable,
    MatterTable,
    FragmentTable,
    ExampleTable,
    RuleTable,
    EmailChannel,
    WebhookChannel,
)


def schema(source_kinds: Collection[str] = SOURCE_KINDS) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file: keys, descriptions, enums, durations as patterns."""
    made = ConfigTables.model_json_schema(by_alias=True)
    for model in _MODELS:
        _write_defaults(made["$defs"][model.__name__], model)
    for name in ("tipstaff", "network", "health", "history"):
        made["properties"][name].pop("default", None)
    made["$defs"]["SourceConfig"]["properties"]["kind"]["enum"] = list(source_kinds)
    made["$defs"]["EmailChannel"]["properties"]["port"].pop("default")
    aliases = made["$defs"]["EntityTable"]["properties"]["aliases"]
    aliases["items"] = {"anyOf": [{"type": "string", "minLength": 1}, aliases["items"]]}
    plain: dict[str, Any] = _plain(made)
    return {"$schema": DIALECT, "title": "tipstaff config", **plain}


def _write_defaults(definition: dict[str, Any], model: type[BaseModel]) -> None:
    """Write defaults as they would stand in a file: "5m", not a number of seconds."""
    for name, info in model.model_fields.items():
        written = definition["properties"][info.alias or name]
        if info.is_required() or info.default is None or info.default_factory is not None:
            written.pop("default", None)
            continue
        kind: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        written["default"] = TypeAdapter(kind).dump_python(info.default, mode="json")


def _plain(node: Any, *, names: bool = False) -> Any:
    """Drop what only clutters: generated titles, the null that TOML has not, and a keyword of OpenAPI.

    `names`: the keys of this node are names of properties or definitions, not keywords.
    """
    if isinstance(node, list):
        return [_plain(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _plain(value, names=key in {"properties", "$defs"} and not names)
        for key, value in node.items()
        if names or key not in {"title", "discriminator"}
    }
    choices = kept.get("anyOf")
    if not names and isinstance(choices, list):
        real = [choice for choice in choices if choice != {"type": "null"}]
        if len(real) == 1:
            del kept["anyOf"]
            kept = {**real[0], **kept}
        else:
            kept["anyOf"] = real
    return kept


def redacted(config: Config) -> dict[str, Any]:
    """Return a config as it is in force, in the shape of the file, as JSON values without any secret."""
    shown = {
        "tipstaff": _dump(config.tipstaff),
        "network": _dump(config.network),
        "health": _dump(config.health),
        "history": _dump(config.history),
        "source": [_dump(source) for source in config.sources],
        "entity": [_entity(entity) for entity in config.entities],
        "matter": [_matter(matter) for matter in config.matters],
        "fragment": [{"id": fragment.id, "when": fragment.when} for fragment in config.fragments],
        "rule": [_rule(rule) for rule in config.rules],
        "channel": [_dump(channel) for channel in config.channels],
    }
    hidden = sorted((s for s in config.secret_values if len(s) >= SHORTEST_SECRET), key=len, reverse=True)
    clean: dict[str, Any] = _without(shown, hidden)
    return clean


def _dump(model: BaseModel) -> dict[str, Any]:
    return {key: value for key, value in model.model_dump(mode="json", by_alias=True).items() if value is not None}


def _entity(entity: Entity) -> dict[str, Any]:
    return {
        "id": entity.id,
        "name": entity.name,
        "kind": entity.kind,
        "aliases": [
            {"text": a.text, "only_with": list(a.only_with)} if a.only_with else a.text for a in entity.aliases
        ],
        "identifiers": named_texts_back(entity.identifiers),
        "tags": list(entity.tags),
    }


def _matter(matter: Matter) -> dict[str, Any]:
    return {
        "name": matter.name,
        "docket": matter.docket,
        "plaintiff": list(matter.plaintiff),
        "defendant": list(matter.defendant),
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "when": rule.when,
        "title": rule.title,
        "severity": rule.severity,
        "channels": list(rule.channels),
        "updates": rule.updates,
        "example": [_example(example) for example in rule.examples],
    }


def _example(example: Example) -> dict[str, Any]:
    more: dict[str, Any] = {
        "published": example.published.isoformat() if example.published else None,
        "lang": example.lang,
        "tags": list(example.tags),
        "facts": named_texts_back(example.facts),
    }
    return {
        "alert": example.alert,
        "title": example.title,
        "text": example.text,
        "kind": example.kind,
        "source": example.source,
        **{key: value for key, value in more.items() if value},
    }


def _without(value: Any, hidden: Collection[str]) -> Any:
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, Mapping):
        return {key: _without(inner, hidden) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, hidden) for inner in value]
    return value
