"""The authoring kit of Libre Bird skills: see README.md beside this package."""

from ._call import Cancelled, Context, Settings, ToolError, current, data_path, notify
from ._tools import tool

__all__ = [
    "Cancelled",
    "Context",
    "Response",
    "Settings",
    "ToolError",
    "current",
    "data_path",
    "fetch",
    "notify",
    "tool",
]
__version__ = "1.0.0"


def __getattr__(name):
    # The network's modules take longer to import than everything else together.
    if name in ("fetch", "Response"):
        from . import _fetch

        return getattr(_fetch, name)
    raise AttributeError(f"module 'librebird' has no attribute {name!r}")
