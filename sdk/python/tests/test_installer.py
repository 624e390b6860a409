"""Making a skill ready: real pip, a real (local) package index."""

import base64
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
import unittest
import zipfile

from support import KIT, SkillTest, table

sys.path.insert(0, KIT)
import installer  # noqa: E402


def wheel(name, version, files, needs=()):
    """A minimal wheel."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = dict(files)
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}-{version}-py3-none-any.whl", held.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    packages = {}  # name → [(file, content)]

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        if parts[0] == "simple" and parts[-1] in self.packages:
            body = "".join(f'<a href="/files/{file}">{file}</a>' for file, _ in self.packages[parts[-1]]).encode()
            self.answer(200, body, "text/html")
        elif parts[0] == "files":
            self.answer(200, dict(sum(self.packages.values(), []))[parts[-1]], "application/zip")
        else:
            self.answer(403 if parts[-1] == "forbidden" else 404, b"", "text/plain")

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Rules(unittest.TestCase):
    def test_what_is_a_package(self):
        plain = [
            "requests",
            "requests>=2.31.0",
            "a.b_c[x, y] ~= 1.0, !=1.3",
            "tomli; python_version < '3.11'",
            "x (>=1,<2)",
        ]
        self.assertEqual(installer.sort_out(plain, False, "s"), (plain, []))

    def test_what_is_none_is_refused(self):
        for text in (
            "GitHub token",
            "-r list.txt",
            "--index-url=http://x",
            "x @ https://example.com/x.whl",
            "git+https://example.com/x",
            "../x",
            "/x.whl",
            "x==1 --hash=1",
            "",
            "x>=",
            "x\ny",
            "https://x/y.whl",
        ):
            with self.assertRaisesRegex(installer.Refused, "is not a package name", msg=text):
                installer.sort_out([text], False, "s")

    def test_old_manifests_were_never_checked(self):
        old = [
            "GITHUB_TOKEN in .env (optional)",
            "json",
            "pyobjc-framework-Vision",
            "bs4",
            "serial>=3",
            "pypdf",
            "librebird",
        ]
        wanted, notes = installer.sort_out(old, True, "s")
        self.assertEqual(wanted, ["beautifulsoup4", "pyserial>=3", "pypdf"])
        self.assertEqual(len(notes), 6)
        self.assertIn("is not a package, so nothing was installed", notes[0])


class Installer(SkillTest):
    @classmethod
    def setUpClass(cls):
        Index.packages = {
            "birdseed": [wheel("birdseed", "1.0", {"birdseed/__init__.py": "KIND = 'hemp'\n"}, ["birdfeeder>=2"])],
            "birdfeeder": [
                wheel("birdfeeder", version, {"birdfeeder.py": f"VERSION = '{version}'\n"})
                for version in ("1.0", "2.5")
            ],
            "broken": [wheel("broken", "1.0", {"broken.py": ""}, ["nowhere-to-be-found"])],
        }
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.index = f"http://127.0.0.1:{cls.server.server_port}/simple"

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()

    def install(self, dependencies, *words, index=None):
        command = [
            sys.executable,
            "-I",
            "-S",
            os.path.join(KIT, "installer.py"),
            "--skill",
            "demo",
            "--root",
            self.root,
        ]
        command += ["--environment", self.environment, "--dependencies", json.dumps(dependencies)]
        command += ["--index", index or self.index, *words]
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PIP_FIND_LINKS": "/nonexistent"}
        run = subprocess.run(command, capture_output=True, env=environment, check=False)
        answer = json.loads(run.stdout)
        self.assertEqual(run.returncode, 1 if "error" in answer else 0)
        return answer

    def test_installs_with_what_is_needed_in_turn_and_a_handler_sees_it(self):
        source = "def kind(args):\n    import birdseed, birdfeeder\n    return [birdseed.KIND, birdfeeder.VERSION]\n"
        self.write("demo/__init__.py", source + table(kind="kind"))
        self.assertEqual(
            self.install(["birdseed==1.0", "Some seed, of any kind"], "--legacy")["notes"][0][:10], '"Some seed'
        )
        self.assertEqual(sorted(os.listdir(self.environment)), ["code", "notes.txt", "packages", "preload"])
        with open(os.path.join(self.environment, "preload")) as file:
            self.assertEqual(file.read().split(), ["birdseed", "birdfeeder"])
        self.assertEqual(self.start().value("kind"), ["hemp", "2.5"])

    def test_a_dependency_that_cannot_be_installed_leaves_nothing(self):
        self.write("demo/__init__.py", "")
        for dependencies, reason in (
            (["birdfeeder", "nosuchbird>=1"], "nosuchbird>=1 of the skill demo cannot be installed"),
            (["birdfeeder==9"], "birdfeeder==9 of the skill demo cannot be installed"),
            (["broken"], "nowhere-to-be-found"),
            (["birdfeeder==1.0", "birdseed"], "cannot be installed"),
            (["x @ http://127.0.0.1/x.whl"], "is not a package name"),
        ):
            answer = self.install(dependencies)
            self.assertIn(reason, answer["error"])
            self.assertEqual(os.listdir(self.environment), [], dependencies)

    def test_an_index_that_does_not_answer(self):
        self.write("demo/__init__.py", "")
        error = self.install(["birdfeeder"], index="http://127.0.0.1:1/simple")["error"]
        self.assertIn("the package index http://127.0.0.1:1/simple cannot be used", error)
        self.assertIn("no such package", self.install(["nosuchbird"])["error"])
        self.assertIn("403 ", self.install(["forbidden"])["error"])

    def test_a_source_that_does_not_compile_is_left_to_its_import(self):
        self.write("demo/__init__.py", "def f(args): return 1\n" + table(f="f"))
        self.write("demo/python2.py", "print 'old'\n")
        self.assertEqual(self.install([]), {"notes": []})
        self.assertEqual(self.start().value("f"), 1)

    def test_compiled_code_of_another_source_is_not_used(self):
        self.write("demo/__init__.py", "def f(args): return 'before'\n" + table(f="f"))
        self.install([])
        self.assertEqual(self.start().value("f"), "before")
        self.write("demo/__init__.py", "def f(args): return 'change'\n" + table(f="f"))
        self.assertEqual(self.start().value("f"), "change")


if __name__ == "__main__":
    unittest.main()
