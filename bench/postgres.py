"""A PostgreSQL server of the bench's own: Debian's programs, its data beside the executables (a real disk), its
settings as they come (fsync, full_page_writes and synchronous_commit are on), reachable through a Unix socket alone."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import urllib.parse


def programs():
    """The folder of the newest server's programs."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: int(path.split("/")[4]))
    if not found:
        raise RuntimeError("no PostgreSQL server is installed: ./dev bench installs the package postgresql")
    return os.path.dirname(found[-1])


class Postgres:
    def __init__(self, data_root):
        self._bin = programs()
        self._data = tempfile.mkdtemp(prefix="postgres-", dir=data_root)
        self._socket = tempfile.mkdtemp(prefix="librebird-bench-")  # a socket's path must be short
        # The server refuses to be root.
        self._user = None
        if os.geteuid() == 0:
            self._user = pwd.getpwnam("nobody").pw_uid
            for folder in (self._data, self._socket):
                os.chown(folder, self._user, -1)
        self._run("initdb", "-D", self._data + "/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
                  "--no-instructions")
        self._log = open(os.path.join(data_root, "postgres.log"), "ab")
        self._process = subprocess.Popen(
            [self._bin + "/postgres", "-D", self._data + "/data", "-k", self._socket, "-c", "listen_addresses="],
            user=self._user, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True)
        self._wait()
        self._databases = 0
        self._sql("CREATE ROLE libre LOGIN CREATEROLE")
        self.version = self._sql("SHOW server_version")

    def _run(self, program, *arguments):
        done = subprocess.run([f"{self._bin}/{program}", *arguments], user=self._user, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()

    def _wait(self):
        give_up = time.monotonic() + 60
        while subprocess.run([self._bin + "/pg_isready", "-q", "-h", self._socket], check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the database server did not start; its log is {self._log.name}")
            time.sleep(0.02)

    def _sql(self, text):
        return self._run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self._socket, "-U", "postgres", "-c", text)

    def new_database(self):
        """The URL of an empty database whose owner may make roles."""
        self._databases += 1
        name = f"bench{self._databases}"
        self._sql(f"CREATE DATABASE {name} OWNER libre")
        return f"postgresql://libre@{urllib.parse.quote(self._socket, safe='')}/{name}"

    def close(self):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()
        shutil.rmtree(self._socket, ignore_errors=True)
        shutil.rmtree(self._data, ignore_errors=True)
