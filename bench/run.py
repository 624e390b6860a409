#!/usr/bin/env python3
"""Measures the release build and prints one JSON object. It states what it measured and asserts nothing.

usage: run.py BIN_FOLDER [--quick] [--only ROW,ROW] [--idle-seconds 60] [--seconds 5] [--sockets 10000]
       [--streams 1000] [--postgres]

Rows: startup, idle_memory, turns, tool_call, python_call, tool_load, sockets, people, policy_check, streams, resume,
binary_size (model_server is always there). With --postgres, turns and people are measured on a PostgreSQL server of the
bench's own as well: turns_postgres, people_postgres.
A row that could not be measured says why. bench/README.md says how each number comes about.
"""

import argparse
import concurrent.futures
import contextlib
import glob
import http.client
import json
import os
import platform
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import people
from postgres import Postgres


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- Processes ------------------------------------------------------------------------------------------------

class Server:
    """A child that prints `Listening on http://127.0.0.1:PORT`."""

    def __init__(self, arguments, environment, log):
        self._log = open(log, "ab")
        self.began = time.monotonic()
        self.process = subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self._log, start_new_session=True)
        self.address = None
        for line in self.process.stdout:
            if b"Listening on http://" in line:
                self.address = line.split(b"http://")[1].split()[0].decode().rstrip("/")
                break
        if not self.address:
            raise RuntimeError(f"{arguments[0]} ended with {self.process.wait()}; its log is {log}")

    def get(self, path):
        connection = http.client.HTTPConnection(self.address, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def wait_ready(self):
        """Seconds from its exec until /readyz said 200."""
        while time.monotonic() - self.began < 30:
            try:
                if self.get("/readyz") == 200:
                    return time.monotonic() - self.began
            except OSError:
                pass
        raise RuntimeError("/readyz did not answer 200 in 30 s")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def descendants(pid):
    """pid and everything below it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(entry))
            except OSError:
                pass
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += children.get(found[-1], [])
    return found


def memory_kib(pid):
    """Proportional set size of the process tree, and how many processes it has."""
    total, count = 0, 0
    for member in descendants(pid):
        try:
            with open(f"/proc/{member}/smaps_rollup", encoding="utf-8") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
            count += 1
        except (OSError, StopIteration):
            pass
    return total, count


def left_behind():
    """Processes, control groups and temporary files that look like a sandbox's."""
    processes = set()
    for entry in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(entry, "rb") as file:
                if b"bwrap" in (text := file.read()) or b"librebird-tool" in text:
                    processes.add(entry)
        except OSError:
            pass
    return {"processes": processes, "control_groups": set(glob.glob("/sys/fs/cgroup/**/librebird-*", recursive=True)),
            "temporary_files": set(glob.glob(tempfile.gettempdir() + "/librebird-*"))}


# ---- The system under test ------------------------------------------------------------------------------------

class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = options.bin
        self.work = tempfile.mkdtemp(prefix="bench-", dir=os.path.dirname(os.path.abspath(options.bin)))
        self.data = os.path.join(self.work, "data")
        self.key = None
        self.database_url = None  # None: SQLite

    def program(self, name):
        return os.path.join(self.folder, name)

    def close(self):
        if self.options.keep:
            say(f"kept: {self.work}")
        else:
            shutil.rmtree(self.work, ignore_errors=True)

    def model(self, **settings):
        arguments = [self.program("bench-model")]
        for name, value in settings.items():
            arguments += ["--" + name.replace("_", "-"), str(value)]
        return Server(arguments, os.environ, os.path.join(self.work, "model.log"))

    def environment(self, model_address):
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment.update(HOME=self.work, LIBREBIRD_REQUESTS_OF_USER="0", LIBREBIRD_REQUESTS_OF_CREDENTIAL="0", LIBREBIRD_MODEL="openai/bench", OPENAI_API_KEY="x",
                           OPENAI_BASE_URL=f"http://{model_address}/v1")
        if self.database_url:
            environment["DATABASE_URL"] = self.database_url
        return environment

    def serve(self, model_address):
        return Server([self.program("librebird"), "serve", "--data-dir", self.data, "--port", "0"],
                      self.environment(model_address), os.path.join(self.work, "serve.log"))

    def prepare(self, model_address):
        """An existing data folder with a key."""
        with self.serve(model_address) as server:
            server.wait_ready()
        self.key = self.operator(model_address, "api-key", "create", "--name", "bench").splitlines()[-1]

    def operator(self, model_address, *words):
        """A command on the data folder; what it printed."""
        done = subprocess.run([self.program("librebird"), *words, "--data-dir", self.data],
                              env=self.environment(model_address), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(" ".join(words[:2]) + ": " + done.stderr.strip()[-300:])
        return done.stdout.strip()

    def load(self, mode, address, **settings):
        arguments = [self.program("bench-load"), mode, "--address", address]
        if self.key:
            arguments += ["--key", self.key]
        for name, value in settings.items():
            arguments += ["--" + name, str(value)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"bench-load {mode}: {done.stderr.strip()[-500:]}")
        result = json.loads(done.stdout.strip().splitlines()[-1])
        if done.stderr.strip():
            result["note"] = done.stderr.strip()[-300:]
        return result

    # ---- Rows

    def model_server(self, model):
        return {f"clients_{n}": self.load("direct", model.address, clients=n, seconds=2) for n in (1, 8, 32)}

    def startup(self, model):
        runs = []
        for _ in range(5 if self.options.quick else 20):
            with self.serve(model.address) as server:
                runs.append(1000 * server.wait_ready())
        return {"runs": len(runs), "median_ms": round(statistics.median(runs), 2), "min_ms": round(min(runs), 2),
                "max_ms": round(max(runs), 2)}

    def idle_memory(self, model):
        seconds = self.options.idle_seconds
        with self.serve(model.address) as server:
            server.wait_ready()
            time.sleep(seconds)
            pss, processes = memory_kib(server.process.pid)
        return {"after_s": seconds, "pss_mib": round(pss / 1024, 2), "processes": processes}

    def turns(self, model):
        result = {}
        direct = self.load("direct", model.address, clients=1, seconds=2)["latency"]
        with self.serve(model.address) as server:
            server.wait_ready()
            for clients in (1, 8, 32):
                result[f"clients_{clients}"] = self.load("turns", server.address, clients=clients,
                                                         seconds=self.options.seconds)
            pss, _ = memory_kib(server.process.pid)
        one = result["clients_1"]["latency"]
        result["overhead_1_client"] = {name: round(one[name] - direct["p50_ms"], 3) for name in ("p50_ms", "p95_ms")}
        result["direct_p50_ms"] = direct["p50_ms"]
        result["pss_mib_afterwards"] = round(pss / 1024, 2)
        return result

    def on_postgres(self, model, row, prepare=True):
        """A row on a PostgreSQL server of its own, whose processes share this machine's processors with all others."""
        sqlite = self.data, self.key
        server = None
        try:
            os.chmod(self.work, 0o711)  # its server may run as another user
            server = Postgres(self.work)
            self.data, self.database_url = tempfile.mkdtemp(prefix="data-", dir=self.work), server.new_database()
            if prepare:
                self.prepare(model.address)
            return {"server": server.version, **row(model)}
        finally:
            self.data, self.key = sqlite
            self.database_url = None
            if server:
                server.close()

    def turns_postgres(self, model):
        return self.on_postgres(model, self.turns)

    def people_postgres(self, model):
        return self.on_postgres(model, self.people, prepare=False)

    def tool_call(self, model):
        with self.serve(model.address) as server:
            server.wait_ready()
            return self.load("turns", server.address, clients=1, seconds=self.options.seconds,
                             message="tool: what is 17.5% of 2340?")

    def python_call(self, model):
        """A Python skill of the old shape over MCP: one call after another on one connection, then 8 clients at once."""
        calls = 50 if self.options.quick else 200
        skill = os.path.join(self.work, "bench_python")
        shutil.copytree(os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_skill"), skill)
        with self.without_quota(), self.serve(model.address) as server:
            server.wait_ready()
            self.operator(model.address, "skill", "install", skill)
            try:
                self.ask_again_and_again(server, 5)
                one = self.ask_again_and_again(server, calls)
                began = time.monotonic()
                with concurrent.futures.ThreadPoolExecutor(8) as pool:
                    asked = [pool.submit(self.ask_again_and_again, server, calls // 4) for _ in range(8)]
                    eight = [took for one_client in asked for took in one_client.result()]
                seconds = time.monotonic() - began
            finally:
                self.operator(model.address, "skill", "remove", "bench_python")
        return {"calls": calls, "latency": percentiles(one),
                "clients_8": {"calls": len(eight), "calls_per_second": round(len(eight) / seconds, 1),
                              "latency": percentiles(eight)}}

    def ask_again_and_again(self, server, calls):
        connection = http.client.HTTPConnection(server.address, timeout=60)
        try:
            return [self.ask_tool(connection, "bench_add", {"a": n, "b": 2}, n + 2) for n in range(calls)]
        finally:
            connection.close()

    @contextlib.contextmanager
    def without_quota(self):
        config = os.path.join(self.data, "config.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[hands]\ncalls_per_user_per_minute = 1000000\n")
        try:
            yield
        finally:
            os.unlink(config)

    def ask_tool(self, connection, name, arguments, expected):
        """Milliseconds of one call, whose answer must be right."""
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        began = time.monotonic()
        connection.request("POST", "/mcp", json.dumps(call), {"Authorization": "Bearer " + self.key,
                                                              "Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        took = 1000 * (time.monotonic() - began)
        if answer.get("result", {}).get("structuredContent", {}).get("sum") != expected:
            raise RuntimeError(f"{name} answered {json.dumps(answer)[:300]}")
        return took

    def tool_load(self, model):
        """Tool calls without pause from 32 clients, ten thousand of them; what they leave behind."""
        wanted = 1000 if self.options.quick else 10_000
        before = left_behind()
        with self.without_quota(), self.serve(model.address) as server:
            server.wait_ready()
            seconds, calls, memory, rounds = 5 if self.options.quick else 15, 0, [], []
            while calls < wanted and len(rounds) < 20:
                rounds.append(self.load("turns", server.address, clients=32, seconds=seconds,
                                        message="tool: what is 17.5% of 2340?"))
                calls += round(rounds[-1]["turns_per_second"] * seconds)
                memory.append(memory_kib(server.process.pid)[0])
        after = left_behind()
        return {"calls": calls, "calls_per_second": round(statistics.median(r["turns_per_second"] for r in rounds), 1),
                "last_round": rounds[-1], "pss_mib_first": round(memory[0] / 1024, 2),
                "pss_mib_last": round(memory[-1] / 1024, 2),
                "left_behind": {name: len(after[name] - before[name]) for name in after}}

    def sockets(self, model):
        count = self.options.sockets
        with self.serve(model.address) as server:
            server.wait_ready()
            self.load("turns", server.address, clients=1, seconds=1)
            before, _ = memory_kib(server.process.pid)
            load = subprocess.Popen([self.program("bench-load"), "idle", "--address", server.address, "--key",
                                     self.key, "--clients", str(count)], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                ready, _, _ = select.select([load.stdout], [], [], 120)
                opened = load.stdout.readline() if ready else ""
                if not opened:
                    load.kill()
                    raise RuntimeError("bench-load idle: not open after 120 s; " + load.stderr.read().strip()[-500:])
                time.sleep(1)
                after, _ = memory_kib(server.process.pid)
                rest, _ = load.communicate(timeout=120)
            finally:
                load.kill()
                load.wait()
        return {**json.loads(opened), **json.loads(rest or "{}"),
                "kib_per_socket": round((after - before) / count, 2), "pss_mib": round(after / 1024, 2)}

    def people(self, model):
        """A thousand people who sign in at the same moment; an installation of its own."""
        count = 50 if self.options.quick else 1000
        data = os.path.join(self.work, "people-postgres" if self.database_url else "people")
        environment = self.environment(model.address)
        os.makedirs(data, mode=0o700)
        with open(os.path.join(data, "config.toml"), "w", encoding="utf-8") as file:
            file.write('[server]\ntrusted_proxies = ["127.0.0.1/32"]\n')
        people.create(self.program("librebird"), data, environment, count)
        with Server([self.program("librebird"), "serve", "--data-dir", data, "--port", "0"], environment,
                    os.path.join(self.work, "people.log")) as server:
            server.wait_ready()
            return {**people.all_at_once(server.address, count), "mostly": "bcrypt, one sign-in on each processor at a time"}

    def policy_check(self, _):
        return json.loads(subprocess.check_output([self.program("bench-policy")], text=True))

    def slow(self, mode, words=100, **settings):
        """Answers of one word every 20 ms."""
        with self.model(chunks=words, delay_us=20000) as model, self.serve(model.address) as server:
            server.wait_ready()
            return self.load(mode, server.address, **settings)

    def streams(self, _):
        return self.slow("streams", words=500, clients=self.options.streams)

    def resume(self, _):
        return self.slow("resume", times=5 if self.options.quick else 20)

    def binary_size(self, _):
        return {name: os.path.getsize(self.program(name))
                for name in ("librebird", "librebird-tool", "lb") if os.path.exists(self.program(name))}


def percentiles(times):
    times = sorted(times)
    return {"p50_ms": round(times[len(times) // 2], 3), "p95_ms": round(times[len(times) * 95 // 100], 3),
            "max_ms": round(times[-1], 3)}


def machine(work):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(file.readline().split()[1])
    kind = subprocess.run(["stat", "-f", "-c", "%T", work], capture_output=True, text=True, check=False).stdout.strip()
    return {"cpu": models[0] if models else platform.machine(), "cpus": os.cpu_count(),
            "memory_gib": round(memory / 1024 / 1024, 1), "kernel": platform.release(), "file_system": kind,
            "load_average": os.getloadavg()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--idle-seconds", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--sockets", type=int, default=10000)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--postgres", action="store_true", help="measure turns and people on PostgreSQL, too")
    parser.add_argument("--keep", action="store_true", help="keep the data folder and the logs")
    options = parser.parse_args()
    if options.quick:
        options.idle_seconds, options.seconds = 5, 2
        options.sockets, options.streams = 1000, 200

    bench = Bench(options)
    rows = ["startup", "idle_memory", "turns", "tool_call", "python_call", "tool_load", "sockets", "people",
            "policy_check", "streams", "resume", "binary_size"]
    if options.postgres:
        for name in ("turns", "people"):
            rows.insert(rows.index(name) + 1, name + "_postgres")
    only = options.only.split(",")
    wanted = [row for row in rows if row in only or row.removesuffix("_postgres") in only] if options.only else rows
    result = {"machine": machine(bench.work), "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    try:
        with bench.model() as model:
            say("bench: model_server")
            result["model_server"] = bench.model_server(model)
            bench.prepare(model.address)
            for row in rows:
                if row in wanted:
                    say("bench: " + row)
                    try:
                        result[row] = getattr(bench, row)(model)
                    except (RuntimeError, OSError, LookupError, ValueError, subprocess.SubprocessError) as error:
                        result[row] = {"error": str(error)}
    except (RuntimeError, OSError) as error:
        result["error"] = str(error)
    finally:
        bench.close()
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
