"""The tool protocol's lines (docs/tool-protocol.md): reading what the host says, writing what it may read.

The protocol leaves descriptors 0 and 1 at once: standard input becomes empty, and whatever a handler prints goes to
standard error, where it is output for people and never protocol.
"""

import os
import sys
from _thread import allocate_lock

MAX_LINE = 16 << 20  # the longest line the host may send
_INPUT_FD = 200  # far from the numbers that `close every descriptor` idioms and new files get
_OUTPUT_FD = 201


def _finite(value):
    """The same value with NaN and the infinities, which JSON does not have, as null."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _not_json(value):
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _codec():
    """(dump(value, allow_nan), load(text)): json's own C code without the package around it, whose imports (re, enum,
    functools) take longer than an interpreter needs to start. Where the code is missing or another, json itself."""
    try:
        from _json import encode_basestring, make_encoder, make_scanner

        class Reading:
            strict = True
            object_hook = object_pairs_hook = None
            parse_float = float
            parse_int = int
            parse_constant = {name: float(name) for name in ("NaN", "Infinity", "-Infinity")}.__getitem__

        scan = make_scanner(Reading)

        def dump(value, allow_nan):
            write = make_encoder({}, _not_json, encode_basestring, None, ":", ",", False, False, allow_nan)
            return "".join(write(value, 0))

        def load(text):
            try:
                value, end = scan(text, 0)
            except StopIteration:
                raise ValueError("This is no JSON.") from None
            if end != len(text):
                raise ValueError("Something follows the JSON.")
            return value

        if load(dump([{"a": "\n"}, 1, 0.5, True, None], False)) != [{"a": "\n"}, 1, 0.5, True, None]:
            raise ValueError
    except Exception:  # noqa: BLE001 - an interpreter whose json is made otherwise
        import json

        def dump(value, allow_nan):
            return json.dumps(value, ensure_ascii=False, allow_nan=allow_nan, separators=(",", ":"))

        load = json.loads
    return dump, load


_dump, _load = _codec()


def encode(message):
    """One line of JSON. Raises TypeError, ValueError or RecursionError for what cannot be said in JSON."""
    try:
        text = _dump(message, False)
    except ValueError:
        # Either a number that JSON lacks, or a structure that holds itself: the second raises again.
        _dump(message, True)
        text = _dump(_finite(message), False)
    # Half a surrogate pair is not text that UTF-8 can carry.
    return text.encode("utf-8", "replace") + b"\n"


def decode(line):
    """The value of one line. Raises ValueError or RecursionError for what is no JSON."""
    return _load(line.decode("utf-8", "surrogatepass").strip(" \t\r\n"))


class Channel:
    """Both directions of the protocol. Writing is safe from any thread; a forked child cannot write."""

    def __init__(self, input_fd, output_fd):
        self._input = input_fd
        self._output = output_fd
        self._lock = allocate_lock()
        self._rest = bytearray()
        self._owner = os.getpid()

    def send(self, message):
        self.send_line(encode(message))

    def send_line(self, line):
        if os.getpid() != self._owner:
            return
        view = memoryview(line)
        with self._lock:
            try:
                while view:
                    view = view[os.write(self._output, view) :]
            except OSError:
                # Nobody listens any more, or the handler closed what was not its own: there is no one to tell.
                os._exit(70)

    def lines(self):
        """The host's lines, until it says no more."""
        while True:
            end = self._rest.find(b"\n")
            if end >= 0:
                line = bytes(self._rest[:end])
                del self._rest[: end + 1]
                if line.strip():
                    yield line
                continue
            if len(self._rest) > MAX_LINE:
                return
            try:
                part = os.read(self._input, 1 << 16)
            except OSError:
                return
            if not part:
                return
            self._rest += part

    def waiting(self):
        """Whether the host has already said something."""
        import select

        return bool(self._rest) or bool(select.select([self._input], [], [], 0)[0])

    def close(self):
        for fd in (self._input, self._output):
            try:
                os.close(fd)
            except OSError:
                pass


def take_standard_streams():
    """Moves the protocol away from descriptors 0 and 1 and returns it."""
    os.dup2(0, _INPUT_FD, inheritable=False)
    os.dup2(1, _OUTPUT_FD, inheritable=False)
    empty = os.open("/dev/null", os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    channel = Channel(_INPUT_FD, _OUTPUT_FD)
    # A child that a handler forks must neither answer in our place nor keep the pipe open.
    os.register_at_fork(after_in_child=channel.close)
    return channel
