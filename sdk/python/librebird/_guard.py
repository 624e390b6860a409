"""Refuses, in words that help, what cannot work inside: installing packages while a tool is called."""

import os
import sys

from . import _call


def _matcher(pattern):
    """A compiled expression, made when it is first asked for: `re` takes long to import, and most handlers start
    no program."""
    made = []

    def get():
        if not made:
            import re

            made.append(re.compile(pattern, re.S))
        return made[0]

    return get


_shell = _matcher(r"\b(?:pip[0-9.]*|uv\s+pip)\s+(?:install|download)\b([^;|&]*)")
_pip = _matcher(r"^pip[0-9.]*(?:\.exe)?$")
_notice_text = _matcher(r'display notification "((?:[^"\\]|\\.)*)"(?:.*?with title "((?:[^"\\]|\\.)*)")?')
_escape = _matcher(r"\\(.)")


class InstallRefused(RuntimeError):
    pass


def refuse_install(names=()):
    names = [name for name in names if not name.startswith("-")]
    what = ", ".join(f'"{name}"' for name in names) or "what is missing"
    raise InstallRefused(
        "Packages are installed when a skill is installed, never while it is called: "
        f'add {what} to "dependencies" in its skill.json and install the skill again.'
    )


def _text(word):
    return os.fsdecode(word) if isinstance(word, (str, bytes, os.PathLike)) else str(word)


def _installed(command):
    """What a command line would install with pip; None if it does not."""
    if isinstance(command, (str, bytes)):
        match = _shell().search(_text(command))
        return match.group(1).split() if match else None
    words = [_text(word) for word in command or ()]
    if len(words) >= 3 and words[-2] == "-c" and os.path.basename(words[0]) in ("sh", "bash"):
        return _installed(words[-1])
    for at, word in enumerate(words[:4]):
        if _pip().match(os.path.basename(word)) and (at == 0 or words[at - 1] in ("-m", "uv")):
            if any(action in words[at + 1 :] for action in ("install", "download")):
                return [word for word in words[at + 1 :] if word not in ("install", "download")]
    return None


def _notice(command):
    """The old desktop's `osascript -e 'display notification …'` reaches the user as a notification of ours."""
    words = [_text(word) for word in command] if isinstance(command, (list, tuple)) else []
    if not _call.worker or not words or os.path.basename(words[0]) != "osascript":
        return
    match = _notice_text().search(" ".join(words[1:]))
    if match:
        text, title = (_escape().sub(r"\1", part or "") for part in match.groups())
        _call.notify(title or "Libre Bird", text)


def _watch(event, arguments):
    if event == "subprocess.Popen":
        command = arguments[1]
        _notice(command)
    elif event == "os.system":
        command = arguments[0]
    elif event in ("os.exec", "os.posix_spawn", "os.spawn"):
        command = arguments[2] if event == "os.spawn" else arguments[1]
    else:
        return
    names = _installed(command)
    if names is not None:
        refuse_install(names)


def install():
    sys.addaudithook(_watch)
