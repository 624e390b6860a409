"""What a handler knows of the call it serves."""

import os
import sys
from _thread import get_ident

# Set by the runner. Outside the platform (a skill's own tests) they stay as they are.
send = None  # function(message): writes one protocol message
worker = False  # whether this process outlives the call
data_directory = None  # the user's own folder of this skill

_running = {}  # thread → Context of the call it serves


class ToolError(Exception):
    """A failure worth telling the model as it stands: what went wrong and what would help."""


class Cancelled(BaseException):
    """The caller lost interest. Let it pass; it is caught by the runner."""


class Settings(dict):
    """The skill's settings for the calling user. A secret's value is a stand-in: the way out of the sandbox puts the
    real one in, for the hosts the manifest names."""

    def require(self, name, kind=str):
        """The setting as `kind` (str, int, float, bool); ToolError that names it if it is missing or not of it."""
        value = self.get(name)
        if value is None or value == "":
            raise ToolError(f"The setting {name} is missing; set it for this skill and try again.")
        return _as(kind, name, value)

    def read(self, name, default=None, kind=str):
        """Like require, but `default` stands in for what is missing."""
        value = self.get(name)
        return default if value is None or value == "" else _as(kind, name, value)


def _as(kind, name, value):
    if kind is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        if kind is bool and not isinstance(value, bool):
            raise ValueError
        return value if isinstance(value, kind) else kind(value)
    except (TypeError, ValueError):
        raise ToolError(f"The setting {name} must be of type {kind.__name__}, not {value!r}.") from None


class Context:
    """One call: a handler that has a parameter annotated `Context` (or named `context`) gets it.

    settings        the skill's settings, see Settings
    now             when the call was made, in milliseconds since 1970
    zone            {"name", "abbreviation", "offset_seconds"} of the user
    work_directory  the workspace's files, if the skill may see them; else None
    data_directory  a folder of this user and this skill that stays between calls; None where there is none
    """

    def __init__(self, call_id="", settings=None, now=None, zone=None, work_directory=None):
        self.id = call_id
        self.settings = Settings(settings or {})
        self.now = now
        self.zone = zone or {"name": "UTC", "abbreviation": "UTC", "offset_seconds": 0}
        self.work_directory = work_directory
        self._cancelled = False

    @property
    def data_directory(self):
        return data_directory

    @property
    def cancelled(self):
        """Whether the caller lost interest. A loop that takes long asks this, or calls check()."""
        return self._cancelled

    def check(self):
        """Ends the handler here if the call was cancelled."""
        if self._cancelled:
            raise Cancelled

    def output(self, text):
        """Shows text to the person while the handler works; it is not part of the result."""
        _say({"type": "output", "id": self.id, "text": str(text)})

    def progress(self, fraction, message=""):
        """How far the handler is, from 0 to 1. Also a place where a cancelled handler ends."""
        self.check()
        fraction = min(1.0, max(0.0, float(fraction)))
        _say({"type": "progress", "id": self.id, "fraction": fraction, "message": str(message)})

    def notify(self, title, message, **data):
        """Tells the user something, even long after the call. Only a worker lives that long."""
        notify(title, message, **data)


def current():
    """The Context of the call that this thread serves; None elsewhere."""
    return _running.get(get_ident())


def enter(context):
    _running[get_ident()] = context


def leave():
    _running.pop(get_ident(), None)


def notify(title, message, **data):
    if not worker:
        raise ToolError('Only a worker can notify the user later; say "worker": true in skill.json.')
    _say({"type": "event", "name": "notify", "data": {"title": str(title), "message": str(message), **data}})


def _say(message):
    if send is not None:
        send(message)
    elif message["type"] != "progress":
        print(message.get("text", message), file=sys.stderr)


def data_path(*parts):
    """A path in the user's own folder of this skill; its parent is made. ToolError where there is none."""
    if data_directory is None or not os.path.isdir(data_directory):
        raise ToolError("There is no data folder for this skill here, so nothing can be kept.")
    path = os.path.join(data_directory, *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path
