"""Writes skill packages and talks to the real runner, as the host does."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

KIT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def table(**handlers):
    """The two tables of a legacy module, for tools without parameters."""
    definitions = ", ".join(
        '{"type": "function", "function": {"name": "%s", "description": "", "parameters": {"type": "object", '
        '"properties": {}}}}' % name
        for name in handlers
    )
    pairs = ", ".join(f'"{name}": {handler}' for name, handler in handlers.items())
    return f"\nTOOL_DEFINITIONS = [{definitions}]\nTOOL_HANDLERS = {{{pairs}}}\n"


class Program:
    """A started runner."""

    def __init__(self, command, folder, environment):
        self.events = []  # whatever came meanwhile
        self.errors = open(os.path.join(folder, "stderr"), "w+b")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=environment, cwd=folder
        )

    def say(self, message):
        self.process.stdin.write((message if isinstance(message, str) else json.dumps(message)).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self):
        """The next message; None when it says no more."""
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def hear_kind(self, *kinds):
        while True:
            message = self.hear()
            if message is None or message["type"] in kinds:
                return message
            self.events.append(message)

    def notice(self):
        """The next notification, or the first that came meanwhile."""
        while True:
            for at, event in enumerate(self.events):
                if event.get("name") == "notify":
                    return self.events.pop(at)["data"]
            self.events.append(self.hear_kind("event"))

    def call(self, tool, arguments=None, call_id="c1", **more):
        self.say({"type": "call", "id": call_id, "tool": tool, "arguments": arguments or {}, **more})
        return self.hear_kind("result", "error")

    def value(self, tool, arguments=None, **more):
        answer = self.call(tool, arguments, **more)
        if answer is None or answer["type"] != "result":
            raise AssertionError(f"{answer} {self.log()}")
        return answer["value"]

    def end(self):
        if not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        rest = self.process.stdout.read()
        self.process.stdout.close()
        return rest, self.process.wait(20)

    def log(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")


class SkillTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        self.root = os.path.join(self.folder, "app")
        self.environment = os.path.join(self.folder, "env")
        self.data = os.path.join(self.root, "data")
        for folder in (self.root, self.environment, self.data, os.path.join(self.folder, "home")):
            os.makedirs(folder)

    def write(self, path, text):
        path = os.path.join(self.root, "skills", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))

    def start(self, source=None, *words, name="demo"):
        if source is not None:
            self.write(f"{name}/__init__.py", source)
        command = [sys.executable, "-I", "-S", os.path.join(KIT, "runner.py"), "--skill", name, "--root", self.root]
        command += ["--environment", self.environment, *words]
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": os.path.join(self.folder, "home"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }
        program = Program(command, self.folder, environment)

        def stop():
            program.process.kill()
            program.process.wait()
            program.process.stdin.close()
            program.process.stdout.close()
            program.errors.close()

        self.addCleanup(stop)
        self.assertEqual(program.hear_kind("ready"), {"type": "ready"}, program.log())
        return program
