"""From a function's signature to the JSON Schema of its arguments, and from arguments back to its types."""

import dataclasses
import enum
import inspect
import re
import types
import typing

_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array"}
_UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))
_DOCUMENTED = re.compile(r"^\s*(?:[-*]\s*)?(\w+)\s*(?:\([^)]*\))?:\s+(\S.*)$")


def read_docstring(function):
    """(first paragraph in one line, {parameter: description})."""
    text = inspect.cleandoc(function.__doc__ or "")
    summary = " ".join(text.split("\n\n", 1)[0].split())
    known = set(inspect.signature(function).parameters)
    described = {}
    last = None
    for line in text.split("\n"):
        match = _DOCUMENTED.match(line)
        if match and match.group(1) in known:
            last = match.group(1)
            described[last] = match.group(2).strip()
        elif last and line.startswith(" ") and line.strip():
            described[last] += " " + line.strip()
        else:
            last = None
    return summary, described


def _hints(function):
    return typing.get_type_hints(function, include_extras=True)


def parameters_of(function, hidden, documented):
    """The JSON Schema of the arguments object."""
    hints = _hints(function)
    properties, required = {}, []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in hidden or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(f"The parameter {name} of {function.__name__} cannot be passed by its name.")
        schema = schema_of(hints.get(name, typing.Any), f"{function.__name__}.{name}")
        if name in documented:
            schema.setdefault("description", documented[name])
        if parameter.default is parameter.empty:
            required.append(name)
        elif isinstance(parameter.default, (str, int, float, bool)):
            schema.setdefault("default", parameter.default)
        properties[name] = schema
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def schema_of(hint, where="the parameter"):
    """The JSON Schema of one type. Raises TypeError for a type that JSON cannot say."""
    if hint is typing.Any or hint is inspect.Parameter.empty:
        return {}
    if hint is None or hint is type(None):
        return {"type": "null"}
    if hint in _NAMES:
        return {"type": _NAMES[hint]}
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        schema = schema_of(parts[0], where)
        for note in parts[1:]:
            schema.update({"description": note} if isinstance(note, str) else note if isinstance(note, dict) else {})
        return schema
    if origin is typing.Literal:
        return _choices(list(parts))
    if origin in _UNIONS:
        options = [schema_of(part, where) for part in parts]
        return options[0] if len(options) == 1 else {"anyOf": options}
    if origin in (list, set, frozenset) or (origin is tuple and len(parts) == 2 and parts[1] is Ellipsis):
        schema = {"type": "array", "items": schema_of(parts[0], where)}
        return dict(schema, uniqueItems=True) if origin in (set, frozenset) else schema
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(parts[1], where)}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _choices([member.value for member in hint])
    if dataclasses.is_dataclass(hint):
        fields = {field.name: field for field in dataclasses.fields(hint)}
        hints = typing.get_type_hints(hint, include_extras=True)
        missing = dataclasses.MISSING
        return {
            "type": "object",
            "properties": {name: schema_of(hints[name], f"{where}.{name}") for name in fields},
            "required": [n for n, f in fields.items() if f.default is missing and f.default_factory is missing],
            "additionalProperties": False,
        }
    if isinstance(hint, type) and issubclass(hint, dict) and hasattr(hint, "__required_keys__"):  # TypedDict
        hints = typing.get_type_hints(hint, include_extras=True)
        return {
            "type": "object",
            "properties": {name: schema_of(kind, f"{where}.{name}") for name, kind in hints.items()},
            "required": sorted(hint.__required_keys__),
            "additionalProperties": False,
        }
    raise TypeError(f"The type {hint!r} of {where} has no JSON Schema; use plain types or give parameters=….")


def _choices(values):
    kinds = {type(value) for value in values}
    schema = {"enum": values}
    if len(kinds) == 1 and next(iter(kinds)) in _NAMES:
        schema = {"type": _NAMES[kinds.pop()], "enum": values}
    return schema


def convert_arguments(function, arguments):
    hints = _hints(function)
    return {name: convert(hints.get(name, typing.Any), value) for name, value in arguments.items()}


def convert(hint, value):
    """A JSON value as the type the function asked for; what needs no conversion stays as it is."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return convert(parts[0], value)
    if origin in _UNIONS:
        if value is None:
            return None
        for part in parts:
            if part is not type(None) and _fits(part, value):
                return convert(part, value)
        return value
    if origin in (list, set, frozenset, tuple) and isinstance(value, list):
        return origin(convert(parts[0], item) for item in value) if parts else origin(value)
    if origin is dict and isinstance(value, dict):
        return {key: convert(parts[1], item) for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        hints = typing.get_type_hints(hint, include_extras=True)
        return hint(**{name: convert(hints.get(name, typing.Any), item) for name, item in value.items()})
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _fits(hint, value):
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [member.value for member in hint]
    if dataclasses.is_dataclass(hint):
        return isinstance(value, dict)
    kind = typing.get_origin(hint) or hint
    if kind in (set, frozenset, tuple):
        kind = list
    return not isinstance(kind, type) or isinstance(value, (int, float) if kind is float else kind)
