"""A package of the old shape that does next to nothing: what is measured is the way to it and back."""


def add(arguments):
    return {"sum": arguments["a"] + arguments["b"]}


TOOL_DEFINITIONS = [{
    "type": "function",
    "function": {
        "name": "bench_add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "required": ["a", "b"],
        },
    },
}]
TOOL_HANDLERS = {"bench_add": add}
