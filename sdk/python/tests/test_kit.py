"""What a skill author declares, and what becomes of it."""

import dataclasses
import enum
import http.server
import os
import sys
import textwrap
import threading
import typing
import unittest

from support import KIT, SkillTest

sys.path.insert(0, KIT)
import librebird  # noqa: E402
from librebird import _schema, _tools  # noqa: E402


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Place:
    name: str
    height: float = 0.0


class Movie(typing.TypedDict, total=False):
    title: str


class Schema(unittest.TestCase):
    def test_types(self):
        for hint, schema in [
            (str, {"type": "string"}),
            (bool, {"type": "boolean"}),
            (typing.Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            (typing.List[float], {"type": "array", "items": {"type": "number"}}),
            (typing.Dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
            (typing.Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
            (typing.Literal["a", 1], {"enum": ["a", 1]}),
            (Colour, {"type": "string", "enum": ["red", "blue"]}),
            (typing.Set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
            (typing.Any, {}),
            (
                Movie,
                {
                    "type": "object",
                    "properties": {"title": {"type": "string"}},
                    "required": [],
                    "additionalProperties": False,
                },
            ),
        ]:
            self.assertEqual(_schema.schema_of(hint), schema, hint)
        place = _schema.schema_of(Place)
        self.assertEqual((place["required"], sorted(place["properties"])), (["name"], ["height", "name"]))
        with self.assertRaisesRegex(TypeError, "has no JSON Schema"):
            _schema.schema_of(threading.Lock)

    def test_conversion(self):
        self.assertIs(_schema.convert(Colour, "red"), Colour.RED)
        self.assertEqual(_schema.convert(typing.List[Place], [{"name": "a", "height": 1}]), [Place("a", 1.0)])
        self.assertEqual(_schema.convert(typing.Optional[Colour], None), None)
        self.assertIs(_schema.convert(typing.Union[int, Colour], "blue"), Colour.BLUE)
        self.assertEqual(_schema.convert(typing.Set[int], [1, 1]), {1})

    def test_definition_from_signature_and_docstring(self):
        def sample(city: str, days: int = 3, *, context: librebird.Context, unit: typing.Literal["C", "F"] = "C"):
            """Says the weather
            of a city.

            city: Its name,
                in any language.
            - days (int): How many days.
            Returns: nothing of note
            """

        definition = _tools.Tool(sample, "sample", None, None).definition()["function"]
        self.assertEqual(definition["description"], "Says the weather of a city.")
        parameters = definition["parameters"]
        self.assertEqual(list(parameters["properties"]), ["city", "days", "unit"])
        self.assertEqual(parameters["required"], ["city"])
        self.assertEqual(parameters["properties"]["city"]["description"], "Its name, in any language.")
        self.assertEqual(
            parameters["properties"]["days"], {"type": "integer", "description": "How many days.", "default": 3}
        )
        self.assertFalse(parameters["additionalProperties"])


class Settings(unittest.TestCase):
    def test_types_and_defaults(self):
        settings = librebird.Settings({"n": "5", "b": "true", "s": "x", "empty": ""})
        self.assertEqual(
            (settings.require("n", int), settings.read("b", False, bool), settings.read("q", 7, int)), (5, True, 7)
        )
        self.assertEqual(settings.read("empty", "d"), "d")
        with self.assertRaisesRegex(librebird.ToolError, "The setting q is missing"):
            settings.require("q")
        with self.assertRaisesRegex(librebird.ToolError, "must be of type int"):
            settings.require("s", int)
        with self.assertRaisesRegex(librebird.ToolError, "must be of type bool"):
            settings.read("s", False, bool)


class Kit(SkillTest):
    SOURCE = textwrap.dedent('''
        from __future__ import annotations
        import asyncio, dataclasses, os
        from librebird import Context, ToolError, data_path, tool
        import beside

        @dataclasses.dataclass
        class Point:
            x: int
            y: int = 0

        @tool
        def greet(name: str, context: Context, loud: bool = False) -> str:
            """Greets."""
            context.output("thinking\\n")
            context.progress(0.5, "half")
            text = f"{context.settings.read('word', 'Hello')} {name}"
            return text.upper() if loud else text

        @tool(name="move", description="Moves a point.")
        async def move_point(point: Point, by: int = 1):
            await asyncio.sleep(0)
            return dataclasses.asdict(Point(point.x + by, point.y))

        @tool
        def fails():
            raise ToolError("Say a city.")

        @tool
        def keep(text: str):
            with open(data_path("deep", "note"), "a") as file:
                file.write(text)
            return open(data_path("deep", "note")).read()

        @tool
        def facts(context: Context):
            return [context.now, context.zone["name"], context.work_directory, beside.VALUE]
    ''')

    def begin(self, *words):
        self.write("demo/tools.py", self.SOURCE)
        self.write("demo/beside.py", "VALUE = 42\n")
        return self.start(None, "--entry", "tools.py", *words)

    def test_tools_are_described_and_served(self):
        program = self.begin()
        program.say({"type": "describe"})
        tools = program.hear()["tools"]
        self.assertEqual([tool["function"]["name"] for tool in tools], ["greet", "move", "fails", "keep", "facts"])
        self.assertEqual(list(tools[0]["function"]["parameters"]["properties"]), ["name", "loud"])
        self.assertEqual(tools[1]["function"]["parameters"]["properties"]["point"]["required"], ["x"])
        program.say(
            {
                "type": "call",
                "id": "7",
                "tool": "greet",
                "arguments": {"name": "Ö", "loud": True},
                "settings": {"word": "Hi"},
            }
        )
        self.assertEqual(program.hear(), {"type": "output", "id": "7", "text": "thinking\n"})
        self.assertEqual(program.hear(), {"type": "progress", "id": "7", "fraction": 0.5, "message": "half"})
        self.assertEqual(program.hear(), {"type": "result", "id": "7", "value": "HI Ö"})
        self.assertEqual(program.value("move", {"point": {"x": 1}, "by": 4}), {"x": 5, "y": 0})
        self.assertEqual(program.call("fails")["message"], "Say a city.")
        facts = program.value("facts", now=5, zone={"name": "UTC"}, work_directory="/work")
        self.assertEqual(facts, [5, "UTC", "/work", 42])

    def test_wrong_arguments(self):
        program = self.begin()
        self.assertIn("missing 1 required", program.call("greet")["message"])
        self.assertEqual(program.call("greet", {"name": "x", "zzz": 1})["message"], "There is no parameter zzz.")
        self.assertEqual(
            program.call("greet", {"name": "x", "context": 1})["message"], "There is no parameter context."
        )

    def test_files_stay_in_the_users_folder(self):
        self.assertEqual(self.begin().value("keep", {"text": "a"}), "a")
        self.assertEqual(self.begin().value("keep", {"text": "b"}), "ab")
        os.rename(self.data, self.data + "-gone")
        self.assertIn("no data folder", self.begin().call("keep", {"text": "b"})["message"])

    def test_a_tool_is_still_a_function(self):
        @librebird.tool(name="plain_function_of_a_test")
        def plain(a, b=2):
            return a + b

        self.addCleanup(_tools.declared.clear)
        self.assertEqual(plain(1), 3)
        with self.assertRaisesRegex(ValueError, "Two tools are named"):
            librebird.tool(name="plain_function_of_a_test")(plain.function)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = '{"ü": 1}'.encode()
        status = 404 if self.path == "/missing" else 200
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.end_headers()
        self.wfile.write(body if self.path != "/big" else b"x" * 5000)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["Content-Type"].encode() + b" " + body)

    def log_message(self, *arguments):
        pass


class Fetch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        cls.base = f"http://127.0.0.1:{cls.server.server_port}"
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()

    def test_answers(self):
        answer = librebird.fetch(self.base + "/")
        self.assertEqual((answer.status, answer.ok, answer.json(), answer.text()), (200, True, {"ü": 1}, '{"ü": 1}'))
        self.assertEqual(librebird.fetch(self.base + "/missing").status, 404)
        self.assertEqual(librebird.fetch(self.base, "post", json={"a": 1}).text(), 'application/json {"a": 1}')

    def test_failures_are_tool_errors(self):
        for url in (
            "file:///etc/passwd",
            "ftp://x/",
            "no address",
            self.base + "/big",
            "http://127.0.0.1:1/",
            "http://[bad/",
        ):
            with self.assertRaises(librebird.ToolError, msg=url):
                librebird.fetch(url, max_bytes=1000)


if __name__ == "__main__":
    unittest.main()
