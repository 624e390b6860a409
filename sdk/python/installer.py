"""Makes a Python skill ready, once, when it is installed: the program inside the sandbox of an installation.

  python3 -I -S installer.py --skill NAME --root DIR --environment DIR --dependencies JSON [--legacy]
                             [--index URL] [--certificates FILE]

Installs the declared dependencies into <environment>/packages, compiles the skill's code into <environment>/code, and
writes <environment>/preload, the modules its handlers import, and <environment>/notes.txt, if there is something to
know about what was left out. Answers with one line of JSON on standard output:
{"notes": [...]} or {"error": "..."}. The environment is complete or does not have `packages` at all.
"""

import json
import os
import re
import shutil
import subprocess
import sys

KIT = os.path.dirname(os.path.abspath(__file__))
sys.path.append(KIT)

# name[extras] (version, version); marker -- PEP 508 without addresses: only the package index is a source.
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"(?:===|~=|==|!=|<=|>=|<|>)\s*[A-Za-z0-9][A-Za-z0-9.*+!_-]*"
_VERSIONS = rf"{_VERSION}(?:\s*,\s*{_VERSION})*"
_REQUIREMENT = re.compile(
    rf"^\s*({_NAME})\s*(\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\])?\s*(?:({_VERSIONS})|\(\s*({_VERSIONS})\s*\))?"
    r"\s*(;\s*[A-Za-z0-9_.'\"<>=!~() ,*+-]+)?\s*$"
)
# Old manifests were never checked: some name the module instead of the package that brings it.
_PACKAGE_OF_MODULE = {
    "bs4": "beautifulsoup4",
    "docx": "python-docx",
    "fitz": "PyMuPDF",
    "serial": "pyserial",
    "pil": "Pillow",
    "yaml": "PyYAML",
    "dotenv": "python-dotenv",
}
_ITSELF = "librebird"


class Refused(Exception):
    pass


def sort_out(dependencies, legacy, skill):
    """(requirements for pip, notes). Raises Refused for a dependency that is none."""
    wanted, notes = [], []
    for text in dependencies:
        match = _REQUIREMENT.match(text)
        # "GitHub token" would parse as nothing, "token" as a package: prose is whatever is not one plain requirement.
        if not match:
            if legacy:
                notes.append(f'"{text}" is not a package, so nothing was installed for it.')
                continue
            raise Refused(
                f'The dependency "{text}" of the skill {skill} is not a package name with versions, such as '
                '"requests>=2.31"; only packages of the package index can be dependencies.'
            )
        name = re.sub(r"[-_.]+", "-", match.group(1)).lower()
        if name == _ITSELF:
            notes.append("The kit librebird is always there; it was not installed.")
        elif legacy and name.replace("-", "_") in _standard_modules():
            notes.append(f'"{text}" belongs to Python itself, so nothing was installed for it.')
        elif legacy and name.startswith("pyobjc") and sys.platform != "darwin":
            notes.append(f'"{text}" exists on a Mac only, so it was not installed.')
        elif legacy and name in _PACKAGE_OF_MODULE:
            package = _PACKAGE_OF_MODULE[name]
            notes.append(f'"{text}" names a module; its package {package} was installed.')
            wanted.append(package + text.strip()[len(match.group(1)) :])
        else:
            wanted.append(text.strip())
    return wanted, notes


def _standard_modules():
    if hasattr(sys, "stdlib_module_names"):
        return sys.stdlib_module_names
    # Python 3.9 has no list of them, but a folder.
    return {name.split(".")[0] for name in os.listdir(os.path.dirname(os.__file__))} | set(sys.builtin_module_names)


def find_pip():
    """How pip is started: the interpreter's own, whose code lies there compiled, or the distribution's wheel of it."""
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)"
    if subprocess.run([sys.executable, "-I", "-c", probe], check=False).returncode == 0:
        return [sys.executable, "-I", "-m", "pip"]
    folder = "/usr/share/python-wheels"
    try:
        wheels = sorted(name for name in os.listdir(folder) if name.startswith("pip-") and name.endswith(".whl"))
    except OSError:
        wheels = []
    if wheels:
        return [sys.executable, "-I", "-S", os.path.join(folder, wheels[-1], "pip")]
    raise Refused("pip is missing on this machine; install the package python3-pip (or python3-pip-whl) and try again.")


def explain(output, log, skill, index):
    """One sentence from what pip said, and wrote down."""
    errors = [
        line.strip()[len("ERROR:") :].strip() for line in output.splitlines() if line.strip().startswith("ERROR:")
    ]
    missing = next((line for line in errors if line.startswith("No matching distribution found for ")), None)
    if missing:
        wanted = missing[len("No matching distribution found for ") :]
        # The index was asked and failed: not the same as an index that does not know the package.
        failures = re.findall(r"Could not fetch URL \S+?: (.*?)(?: - skipping|$)", log, re.M)
        reasons = [reason for reason in failures if not reason.startswith("404 ")]
        if reasons:
            return (
                f"The dependency {wanted} of the skill {skill} cannot be installed: the package index {index} "
                f"cannot be used ({reasons[-1][:300]})."
            )
        return (
            f"The dependency {wanted} of the skill {skill} cannot be installed: "
            f"the package index {index} has no such package or version for this machine."
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reason = errors[-1] if errors else (lines[-1] if lines else "pip said nothing")
    return f"The dependencies of the skill {skill} cannot be installed: {reason[:500]}"


def clear_away(environment):
    """A dependency's own build may have left something in the places that are ours."""
    for name in ("code", "preload", "notes.txt"):
        path = os.path.join(environment, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4 << 20)
    except OSError:
        return ""


def install(wanted, options):
    environment = options["environment"]
    scratch = os.path.join(environment, ".scratch")
    part = os.path.join(environment, ".packages")
    os.makedirs(scratch, exist_ok=True)
    command = find_pip() + ["install", "--target", part, "--no-input", "--no-cache-dir", "--prefer-binary"]
    command += ["--disable-pip-version-check", "--no-warn-script-location", "--progress-bar", "off", "--quiet"]
    log = os.path.join(scratch, "log")
    command += ["--log", log]
    command += ["--root-user-action", "ignore", "--retries", "1", "--timeout", "20", "--index-url", options["index"]]
    if options["index"].startswith("http://"):
        # The operator chose an index without TLS; pip asks to hear that twice.
        command += ["--trusted-host", options["index"].split("/")[2]]
    if options["certificates"] and os.path.exists(options["certificates"]):
        command += ["--cert", options["certificates"]]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    variables.update(HOME=scratch, TMPDIR=scratch, PIP_CONFIG_FILE=os.devnull, PYTHONNOUSERSITE="1")
    try:
        run = subprocess.run(
            command + ["--"] + wanted,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        print(run.stdout, file=sys.stderr)
        if run.returncode != 0:
            raise Refused(explain(run.stdout, read(log), options["skill"], options["index"]))
        os.rename(part, os.path.join(environment, "packages"))
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)


def compile_skill(options):
    """Compiles each source and returns the modules that any of them imports. What does not compile is left to its
    import to report, as it may never be imported."""
    import ast

    from librebird import _load

    imported = {}
    skill = os.path.join(options["root"], "skills", options["skill"])
    for folder, folders, names in os.walk(skill):
        folders[:] = sorted(name for name in folders if name not in ("__pycache__", "tests", ".git"))
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not name.endswith(".py") or os.path.islink(path) or os.path.getsize(path) > 4 << 20:
                continue
            try:
                with open(path, "rb") as file:
                    source = file.read()
                tree = ast.parse(source, path)
                packed = _load.pack(source, path)
            except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
                continue
            target = _load.code_file(options["environment"], options["root"], path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(packed)
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    imported.update((alias.name, None) for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    imported[node.module] = None
    # Reading a screen, speaking and the like is asked for rarely: such modules of ours are not worth the memory.
    shims = {name[:-3] for name in os.listdir(os.path.join(KIT, "shims")) if name.endswith(".py")}
    return [name for name in imported if name.split(".")[0] not in shims and name != "__future__"]


def parse(words):
    options = {"legacy": False, "index": "", "certificates": "", "dependencies": "[]"}
    words = list(words)
    while words:
        name = words.pop(0)[2:].replace("-", "_")
        options[name] = True if name == "legacy" else words.pop(0)
    options["dependencies"] = [str(text) for text in json.loads(options["dependencies"])]
    return options


def main():
    options = parse(sys.argv[1:])
    try:
        wanted, notes = sort_out(options["dependencies"], options["legacy"], options["skill"])
        if wanted:
            install(wanted, options)
            clear_away(options["environment"])
        preload = compile_skill(options)
        with open(os.path.join(options["environment"], "preload"), "w", encoding="utf-8") as file:
            file.write("\n".join(preload))
        if notes:
            with open(os.path.join(options["environment"], "notes.txt"), "w", encoding="utf-8") as file:
                file.write("\n".join(notes) + "\n")
        answer = {"notes": notes}
    except Refused as error:
        answer = {"error": str(error)}
    except OSError as error:
        answer = {"error": f"The skill {options['skill']} cannot be made ready: {error}"}
    print(json.dumps(answer))
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
