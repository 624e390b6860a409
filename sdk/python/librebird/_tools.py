"""The tools of a skill: declared with the kit's decorator, or in the two tables of a legacy package."""

from . import _call

_PLAIN = (str, int, float, bool, dict, list, "str", "int", "float", "bool", "dict", "list")
declared = {}  # name → Tool, in the order of declaration


class Tool:
    """A function offered as a tool. Calling it calls the function, so a skill's own tests stay simple."""

    def __init__(self, function, name, description, parameters):
        self.function = function
        self.name = name
        self.description = description
        self.parameters = parameters
        code = function.__code__
        self._names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        annotations = getattr(function, "__annotations__", {})
        self._context = [name for name in self._names if is_context(name, annotations.get(name))]
        # Only what JSON does not bring by itself (an Enum, a dataclass) is converted.
        self._converted = any(
            annotations.get(name, str) not in _PLAIN for name in self._names if name not in self._context
        )
        self.__doc__ = function.__doc__
        self.__name__ = name

    def __call__(self, *arguments, **named):
        return self.function(*arguments, **named)

    def definition(self):
        from . import _schema

        summary, documented = _schema.read_docstring(self.function)
        parameters = self.parameters or _schema.parameters_of(self.function, self._context, documented)
        description = self.description or summary
        return {
            "type": "function",
            "function": {"name": self.name, "description": description, "parameters": parameters},
        }

    def serve(self, arguments, context):
        if self._converted:
            from . import _schema

            arguments = _schema.convert_arguments(self.function, arguments)
        else:
            arguments = dict(arguments)
        unknown = [name for name in arguments if name not in self._names or name in self._context]
        if unknown and not self.function.__code__.co_flags & 0x08:
            raise _call.ToolError(f"There is no parameter {unknown[0]}.")
        for name in self._context:
            arguments[name] = context
        result = self.function(**arguments)
        if hasattr(result, "__await__"):
            import asyncio

            result = asyncio.run(_wait_for(result))
        return result


async def _wait_for(awaitable):
    return await awaitable


def is_context(name, annotation):
    if annotation is None:
        return name == "context"
    return annotation is _call.Context or (isinstance(annotation, str) and annotation.split(".")[-1] == "Context")


def tool(function=None, *, name=None, description=None, parameters=None):
    """Offers a function as a tool: `@tool` or `@tool(name="…", description="…", parameters={JSON Schema})`.

    The description is the docstring's first paragraph; lines `parameter: text` in it describe parameters; types and
    defaults come from the signature. Everything can be said outright instead.
    """

    def declare(target):
        made = Tool(target, name or target.__name__, description, parameters)
        if made.name in declared:
            raise ValueError(f"Two tools are named {made.name}.")
        declared[made.name] = made
        return made

    return declare if function is None else declare(function)


class LegacyTool:
    """One entry of TOOL_HANDLERS: called with the arguments as one positional dict."""

    def __init__(self, name, handler):
        self.name = name
        self._handler = handler

    def serve(self, arguments, context):
        return self._handler(arguments)


def tables_of(module):
    """(definitions, handlers) of a module in the legacy shape; raises TypeError if they are not what they must be."""
    definitions = getattr(module, "TOOL_DEFINITIONS", [])
    handlers = getattr(module, "TOOL_HANDLERS", {})
    if not isinstance(definitions, (list, tuple)):
        raise TypeError("TOOL_DEFINITIONS must be a list of function objects.")
    if not isinstance(handlers, dict):
        raise TypeError("TOOL_HANDLERS must be a dict of tool names and functions.")
    for definition in definitions:
        function = definition.get("function") if isinstance(definition, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise TypeError('Each entry of TOOL_DEFINITIONS must be {"type":"function","function":{"name":…}}.')
    return list(definitions), {str(name): handler for name, handler in handlers.items() if callable(handler)}
