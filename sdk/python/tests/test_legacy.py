"""Packages of the old shape, run unchanged (contract of the old host: tables, one dict in, anything JSON out)."""

import os
import textwrap
import time
import unittest

from support import SkillTest, table


class Legacy(SkillTest):
    def test_finds_its_root_three_folders_up_and_keeps_files_in_data(self):
        source = """
            import json, os
            _ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
            _FILE = os.path.join(_ROOT, "data", "rss_feeds.json")

            def add(args):
                os.makedirs(os.path.dirname(_FILE), exist_ok=True)
                feeds = json.load(open(_FILE)) if os.path.exists(_FILE) else []
                feeds.append(args["url"])
                json.dump(feeds, open(_FILE, "w"))
                return {"feeds": feeds}
        """
        source = textwrap.dedent(source) + table(add="add")
        self.assertEqual(self.start(source).value("add", {"url": "http://a/ü"}), {"feeds": ["http://a/ü"]})
        self.assertEqual(self.start().value("add", {"url": "b"}), {"feeds": ["http://a/ü", "b"]})

    def test_relative_imports_and_state_between_calls(self):
        self.write("demo/parts/__init__.py", "from .deep import LEVEL\n")
        self.write("demo/parts/deep.py", "from .. import NAME\nLEVEL = NAME + '/deep'\n")
        source = 'NAME = "top"\nfrom .parts import LEVEL\n_n = []\n'
        source += "def count(args):\n    _n.append(1)\n    return [len(_n), LEVEL, __name__]\n" + table(count="count")
        program = self.start(source)
        self.assertEqual(program.value("count"), [1, "top/deep", "skills.demo"])
        self.assertEqual(program.value("count"), [2, "top/deep", "skills.demo"])

    def test_describes_what_has_a_handler(self):
        source = "def f(args): return 1\n" + table(f="f", g="None")
        program = self.start(source)
        program.say({"type": "describe"})
        self.assertEqual([tool["function"]["name"] for tool in program.hear()["tools"]], ["f"])
        self.assertEqual(program.call("g")["message"], "Unknown tool: g")

    def test_errors_have_the_old_words(self):
        source = """
            def boom(args): raise ValueError("no Ä")
            def silent(args): raise KeyError()
            def odd(args): return {1, 2}
            def loop(args):
                a = []; a.append(a); return a
            def leave(args):
                import sys; sys.exit(3)
            def soft(args): return {"error": "soft"}
            class Bad(Exception):
                def __str__(self): raise RuntimeError
            def worse(args): raise Bad()
            def deep(args): return deep(args)
        """
        names = ("boom", "silent", "odd", "loop", "leave", "soft", "worse", "deep")
        program = self.start(textwrap.dedent(source) + table(**{name: name for name in names}))
        said = {name: program.call(name) for name in names}
        self.assertEqual(said["boom"], {"type": "error", "id": "c1", "message": "Tool failed: no Ä"})
        self.assertEqual(said["silent"]["message"], "Tool failed: KeyError")
        self.assertEqual(said["odd"]["message"], "Tool failed: Object of type set is not JSON serializable")
        self.assertEqual(said["loop"]["message"], "Tool failed: Circular reference detected")
        self.assertEqual(said["leave"]["message"], "Tool failed: the code ended its program (exit 3)")
        self.assertEqual(said["soft"], {"type": "result", "id": "c1", "value": {"error": "soft"}})
        self.assertEqual(said["worse"]["message"], "Tool failed: Bad")
        self.assertIn("recursion", said["deep"]["message"])
        self.assertEqual(program.call("other")["message"], "Unknown tool: other")

    def test_prints_never_reach_the_protocol(self):
        source = """
            import os, subprocess, sys
            print('{"type":"result","id":"c1","value":"import"}')
            def noisy(args):
                print('{"type":"result","id":"c1","value":"forged"}')
                os.write(1, b'{"type":"result","id":"c1","value":"raw"}\\n')
                sys.__stdout__.write("x" * 100000 + "\\n")
                subprocess.run(["/bin/echo", "child"])
                return {"read": sys.stdin.read()}
        """
        program = self.start(textwrap.dedent(source) + table(noisy="noisy"))
        self.assertEqual(program.value("noisy"), {"read": ""})
        self.assertEqual(program.end()[0], b"")
        self.assertIn("forged", program.log())
        self.assertIn("child", program.log())

    def test_odd_values_are_said_in_json(self):
        source = 'def odd(args): return {"nan": float("nan"), "inf": [1.5, -float("inf")], "half": "\\ud83d", 1: "ü"}\n'
        program = self.start(source + table(odd="odd"))
        self.assertEqual(program.value("odd"), {"nan": None, "inf": [1.5, None], "half": "?", "1": "ü"})

    def test_a_result_beyond_the_limit_is_one_clear_error(self):
        program = self.start('def big(args): return "x" * args["n"]\n' + table(big="big"), "--output-bytes", "5000")
        self.assertEqual(len(program.value("big", {"n": 4000})), 4000)
        self.assertRegex(
            program.call("big", {"n": 6000})["message"], "^Tool failed: the result has 60.. bytes, 5000 are"
        )

    def test_a_forked_child_answers_nothing(self):
        source = """
            import os
            def fork(args):
                pid = os.fork()
                if pid == 0:
                    return "child"
                os.waitpid(pid, 0)
                return "parent"
        """
        program = self.start(textwrap.dedent(source) + table(fork="fork"))
        self.assertEqual(program.value("fork"), "parent")
        self.assertEqual(program.end(), (b"", 0))

    def test_a_handler_that_ends_the_process_or_closes_everything_ends_without_a_word(self):
        source = """
            import os
            def gone(args): os._exit(7)
            def shut(args): os.closerange(0, 256)
        """
        for name in ("gone", "shut"):
            program = self.start(textwrap.dedent(source) + table(gone="gone", shut="shut"))
            self.assertIsNone(program.call(name))
            self.assertNotEqual(program.end()[1], 0)

    def test_threads_left_behind_do_not_keep_the_process(self):
        source = "import threading, time\ndef leave(args):\n    threading.Thread(target=time.sleep, args=(600,)).start()\n"
        program = self.start(source + table(leave="leave"))
        self.assertIsNone(program.value("leave"))
        began = time.monotonic()
        program.end()
        self.assertLess(time.monotonic() - began, 10)

    def test_settings_become_environment_names_if_allowed(self):
        source = 'import os\ndef token(args): return [os.environ.get("GITHUB_TOKEN"), os.environ.get("LEVEL")]\n'
        settings = {"github_token": "stand-in", "LEVEL": 3}
        source += table(token="token")
        self.assertEqual(self.start(source, "--variables", "all").value("token", settings=settings), ["stand-in", "3"])
        self.assertEqual(self.start(source, "--variables", "LEVEL").value("token", settings=settings), [None, "3"])
        self.assertEqual(self.start(source).value("token", settings=settings), [None, None])

    def test_home_and_the_time_zone_of_the_user(self):
        source = """
            import os, time
            def home(args):
                path = os.path.expanduser("~/Desktop/shot.png")
                open(path, "w").close()
                return [path, time.tzname[0]]
        """
        program = self.start(textwrap.dedent(source) + table(home="home"))
        path, zone = program.value("home", zone={"name": "Asia/Tokyo"})
        self.assertTrue(path.startswith(self.folder))
        self.assertEqual(zone, "JST" if os.path.exists("/usr/share/zoneinfo/Asia/Tokyo") else "UTC")

    def test_a_module_that_cannot_be_imported_says_why(self):
        missing = self.start("import not_there_at_all\n")
        self.assertEqual(missing.call("x")["message"], "Missing dependency: No module named 'not_there_at_all'")
        missing.say({"type": "describe"})
        self.assertEqual(missing.hear()["type"], "error")
        self.assertEqual(self.start("def f(:\n").call("x")["message"][:12], "Load error: ")
        self.assertIn("exit 4", self.start("import sys; sys.exit(4)\n").call("x")["message"])
        self.assertIn("TOOL_HANDLERS must", self.start("TOOL_HANDLERS = [1]\n").call("x")["message"])
        self.assertIn("Load error", self.start(name="absent").call("x")["message"])

    def test_garbage_from_the_host_is_survived(self):
        program = self.start("def f(args): return args\n" + table(f="f"))
        for line in ("garbage", "[]", "{}", '{"type":5}', "", "[" * 100000, '{"type":"cancel","id":"none"}'):
            program.say(line)
        self.assertEqual(program.value("f", {"a": [1, "ü"]}), {"a": [1, "ü"]})

    def test_a_cancelled_handler_is_interrupted_in_its_sleep(self):
        source = "import time\ndef nap(args):\n    print('asleep')\n    time.sleep(60)\n" + table(nap="nap")
        program = self.start(source)
        began = time.monotonic()
        program.say({"type": "call", "id": "c9", "tool": "nap", "arguments": {}})
        while "asleep" not in program.log():
            pass
        program.say({"type": "cancel", "id": "c9"})
        self.assertEqual(program.hear(), {"type": "error", "id": "c9", "message": "The call was cancelled."})
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(program.call("nope")["type"], "error")

    def test_installing_at_call_time_is_refused_in_words(self):
        source = """
            import os, subprocess, sys
            def run(args): return subprocess.run([sys.executable, "-m", "pip", "install", "-q", "pypdf"]).returncode
            def shell(args): return os.system("pip3 install python-docx")
            def inner(args): return subprocess.check_call("python3 -m pip install openpyxl", shell=True)
            def module(args):
                import pip
                return pip.main(["install", "paramiko"])
            def listing(args): return subprocess.run(["echo", "pip", "install"]).returncode
        """
        names = ("run", "shell", "inner", "module", "listing")
        program = self.start(textwrap.dedent(source) + table(**{name: name for name in names}))
        for name, package in (
            ("run", "pypdf"),
            ("shell", "python-docx"),
            ("inner", "openpyxl"),
            ("module", "paramiko"),
        ):
            said = program.call(name)
            self.assertEqual(said["type"], "error")
            self.assertIn(f'never while it is called: add "{package}"', said["message"])
        self.assertEqual(program.value("listing"), 0)

    def test_byte_code_in_the_package_is_not_run(self):
        import importlib.util
        import py_compile

        self.write("demo/part.py", 'WHO = "source"\n')
        self.write("other.py", 'WHO = "hidden"\n')
        folder = os.path.join(self.root, "skills")
        cached = importlib.util.cache_from_source(os.path.join(folder, "demo", "part.py"))
        os.makedirs(os.path.dirname(cached))
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(os.path.join(folder, "other.py"), cached, invalidation_mode=mode)
        program = self.start("from .part import WHO\ndef who(args): return WHO\n" + table(who="who"))
        self.assertEqual(program.value("who"), "source")


if __name__ == "__main__":
    unittest.main()
