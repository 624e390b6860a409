"""Runs the tools of one Python skill: the program inside the sandbox (docs/tool-protocol.md).

  python3 -I -S runner.py --skill NAME --root DIR --environment DIR [--entry FILE] [--variables all|NAME,…]
                          [--output-bytes N] [--worker]

It imports the skill, says {"type":"ready"} and waits. Without --worker calls are served one after the other on the main
thread; with it they may overlap, and threads and timers of the skill live on between them.
"""

import gc
import os
import sys
import time

gc.disable()  # until the skill is loaded: what is imported stays
KIT = os.path.dirname(os.path.abspath(__file__))
sys.path.append(KIT)

from librebird import _call, _guard, _load, _wire  # noqa: E402


class Options:
    def __init__(self, words):
        self.skill = self.root = self.environment = self.entry = self.variables = ""
        self.output_bytes = 1 << 20
        self.worker = False
        words = list(words)
        while words:
            name = words.pop(0)
            if name == "--worker":
                self.worker = True
            elif name == "--output-bytes":
                self.output_bytes = int(words.pop(0))
            else:
                setattr(self, name[2:], words.pop(0))


class Runner:
    def __init__(self, options, channel):
        self._options = options
        self._channel = channel
        self._skill = _load.Skill(options.skill)
        self._contexts = {}  # call id → Context
        self._threads = None
        self._in_main = None  # the call on the main thread, if any
        self._held = 0
        self._process = os.getpid()

    def start(self):
        options = self._options
        _call.send = self._channel.send
        _call.worker = options.worker
        _call.data_directory = os.path.join(options.root, "data")
        _load.set_paths(options.root, options.environment, KIT)
        # On a Mac these said something to the user; here they are small programs that say what is missing.
        os.environ["PATH"] = os.path.join(KIT, "shims", "bin") + ":" + os.environ.get("PATH", "/usr/bin:/bin")
        if options.worker:
            os.environ["LIBREBIRD_WORKER"] = "1"
        import builtins

        builtins.exit = builtins.quit = sys.exit
        _guard.install()
        self._skill.load(options.root, options.environment, options.entry)
        make_home_folders(options)
        if not self._channel.waiting():
            preload(options.environment)
        gc.freeze()
        gc.enable()
        self._channel.send({"type": "ready"})
        if options.worker:
            self._start_worker()

    def run(self):
        """Serves until the host says no more."""
        if self._options.worker:
            for line in self._channel.lines():
                self._take(line, self._threads.submit)
            self._threads.finish()
            return
        from _queue import SimpleQueue
        from _signal import SIGINT, signal
        from _thread import start_new_thread

        def interrupt(number, frame):
            # Only a handler is interrupted, never its answer on the way.
            if self._in_main is not None:
                raise KeyboardInterrupt

        signal(SIGINT, interrupt)
        calls = SimpleQueue()

        def read():
            for line in self._channel.lines():
                self._take(line, calls.put)
            calls.put(None)

        start_new_thread(read, ())
        while True:
            call = calls.get()
            if call is None:
                return
            self._in_main = call.get("id")
            self._serve(call)()

    def _take(self, line, hand_over):
        try:
            message = _wire.decode(line)
            kind = message["type"]
        except (ValueError, TypeError, KeyError, RecursionError):
            print("The host said something that is no message.", file=sys.stderr)
            return
        if kind == "cancel":
            self._cancel(message.get("id"))
        elif kind == "call":
            call_id = str(message.get("id", ""))
            self._contexts[call_id] = _call.Context(
                call_id,
                message.get("settings"),
                message.get("now"),
                message.get("zone"),
                message.get("work_directory"),
            )
            hand_over(message)
        elif kind == "describe":
            hand_over(message)

    def _cancel(self, call_id):
        context = self._contexts.get(call_id)
        if context is None:
            return
        context._cancelled = True
        # A legacy handler knows nothing of cancellation: it is interrupted as by Ctrl+C, also in its sleep.
        if self._in_main == call_id and self._skill.legacy:
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    def _serve(self, message):
        """Serves one message; returns what sends its answer."""
        if message["type"] == "describe":
            self._in_main = None
            return self._describe
        call_id = str(message.get("id", ""))
        context = self._contexts[call_id]
        _call.enter(context)
        try:
            line = self._answer(call_id, message, context)
        except BaseException as error:  # noqa: BLE001 - a call always gets a last word
            line = _wire.encode({"type": "error", "id": call_id, "message": self._explain(error, context)})
        finally:
            self._in_main = None
            _call.leave()
            self._contexts.pop(call_id, None)
        if os.getpid() != self._process:
            # A child that the handler forked and let return: the answer is its parent's.
            os._exit(0)
        # What the handler printed comes before its answer.
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):
                pass
        return lambda: self._channel.send_line(line)

    def _answer(self, call_id, message, context):
        if self._skill.error:
            return _wire.encode({"type": "error", "id": call_id, "message": self._skill.error})
        name = message.get("tool")
        tool = self._skill.tool(name)
        if tool is None:
            return _wire.encode({"type": "error", "id": call_id, "message": f"Unknown tool: {name}"})
        if context.cancelled:
            raise _call.Cancelled
        self._set_environment(context)
        value = tool.serve(message.get("arguments") or {}, context)
        line = _wire.encode({"type": "result", "id": call_id, "value": value})
        if len(line) > self._options.output_bytes:
            text = f"Tool failed: the result has {len(line)} bytes, {self._options.output_bytes} are allowed."
            return _wire.encode({"type": "error", "id": call_id, "message": text})
        return line

    def _explain(self, error, context):
        if isinstance(error, (_call.Cancelled, KeyboardInterrupt)) and context.cancelled:
            return "The call was cancelled."
        text = _load.describe(error)
        if not isinstance(error, _call.ToolError):
            text = f"Tool failed: {text}"
            if not isinstance(error, _guard.InstallRefused):
                print_trace(error)
        return text[: self._options.output_bytes // 8]

    def _describe(self):
        if self._skill.error:
            self._channel.send({"type": "error", "id": "", "message": self._skill.error})
            return
        try:
            self._channel.send({"type": "tools", "tools": self._skill.definitions()})
        except Exception as error:  # noqa: BLE001 - a definition may hold anything
            text = f"The tools of {self._skill.name} cannot be described: {_load.describe(error)}"
            self._channel.send({"type": "error", "id": "", "message": text})

    def _set_environment(self, context):
        allowed = self._options.variables
        if allowed:
            for name, value in context.settings.items():
                if allowed == "all" or name in allowed.split(","):
                    text = value if isinstance(value, str) else _wire.encode(value).decode().rstrip("\n")
                    if "\0" not in text and "=" not in name:
                        os.environ[name] = text
                        os.environ.setdefault(name.upper(), text)
        zone = context.zone.get("name") if isinstance(context.zone, dict) else None
        if zone and zone != os.environ.get("TZ") and ".." not in zone:
            if os.path.isfile("/usr/share/zoneinfo/" + zone):
                os.environ["TZ"] = zone
                time.tzset()

    # A worker outlives its calls.
    def _start_worker(self):
        import threading

        from librebird import _workers

        threading.stack_size(4 << 20)
        self._threads = _workers.Threads(self._serve)
        self._background = _workers.background_threads
        if os.path.exists(os.path.join(_call.data_directory, "reminders.json")):
            import notifications  # noqa: F401 - its import takes up what was promised before
        threading.Thread(target=self._watch_threads, name="librebird-watch", daemon=True).start()

    def _watch_threads(self):
        """Tells the host while the skill keeps something going, so that it is not ended for being idle."""
        while True:
            pending = self._background()
            if pending != self._held:
                self._held = pending
                self._channel.send({"type": "event", "name": "hold", "data": {"pending": pending}})
            time.sleep(0.5)


def make_home_folders(options):
    """Old packages take the folders of a desktop for granted; those that their code names are made."""
    home = os.path.expanduser("~")
    try:
        with open(os.path.join(options.root, "skills", options.skill, "__init__.py"), "rb") as file:
            source = file.read()
        for name in ("Desktop", "Documents", "Downloads", "Pictures"):
            if name.encode() in source:
                os.makedirs(os.path.join(home, name), exist_ok=True)
    except OSError:
        pass


def preload(environment):
    """Imports what handlers import when they are called: that time is spent before the call comes."""
    try:
        with open(os.path.join(environment, "preload")) as file:
            names = file.read().split()
    except OSError:
        return
    import importlib

    for name in names:
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except BaseException:  # noqa: BLE001 - the handler will say it in its own way
                continue


def print_trace(error):
    import traceback

    try:
        traceback.print_exception(type(error), error, error.__traceback__, limit=-8)
    except Exception:  # noqa: BLE001 - standard error may be closed
        pass


def main():
    options = Options(sys.argv[1:])
    channel = _wire.take_standard_streams()
    runner = Runner(options, channel)
    code = 0
    try:
        runner.start()
        runner.run()
    except KeyboardInterrupt:
        code = 130
    # Threads that the skill left behind must not keep the sandbox.
    os._exit(code)


if __name__ == "__main__":
    main()
