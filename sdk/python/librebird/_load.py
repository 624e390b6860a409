"""Finds and imports a skill's code.

A skill lies at <root>/skills/<name>, so that a legacy package finds its root by going up three times from its own file,
and is imported as `skills.<name>`. Its code is compiled at install time into <environment>/code; byte code that lies in
the package itself is never run, because nobody reviews it.
"""

import _imp
import marshal
import os
import sys
from importlib import _bootstrap, _bootstrap_external
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader

from . import _tools

# What importlib.util offers, whose own imports take longer than most skills.
MAGIC_NUMBER = _bootstrap_external.MAGIC_NUMBER


def source_hash(source):
    return _imp.source_hash(int.from_bytes(MAGIC_NUMBER, "little"), source)


def code_file(environment, root, path):
    """Where the compiled form of the source at `path` is kept."""
    return os.path.join(environment, "code", sys.implementation.cache_tag, os.path.relpath(path, root) + "c")


def pack(source, path):
    """The compiled form of `source`: magic number, hash of the source, code."""
    code = compile(source, path, "exec", dont_inherit=True)
    return MAGIC_NUMBER + source_hash(source) + marshal.dumps(code)


def _loader(root, environment):
    class SkillLoader(SourceFileLoader):
        def get_code(self, fullname):
            path = self.get_filename(fullname)
            source = self.get_data(path)
            try:
                with open(code_file(environment, root, path), "rb") as file:
                    packed = file.read()
                if packed[:4] == MAGIC_NUMBER and packed[4:12] == source_hash(source):
                    return marshal.loads(memoryview(packed)[12:])
            except (OSError, ValueError, EOFError, TypeError):
                pass
            return self.source_to_code(source, path)

    return SkillLoader


def install_finder(root, environment):
    loader = _loader(root, environment)

    def hook(path):
        if not (path + os.sep).startswith(os.path.join(root, "skills") + os.sep):
            raise ImportError
        return FileFinder(path, (ExtensionFileLoader, EXTENSION_SUFFIXES), (loader, [".py"]))

    sys.path_hooks.insert(0, hook)
    return loader


def set_paths(root, environment, kit):
    """The standard library, the kit, what the skill depends on, the old host modules, and the root."""
    packages = os.path.join(environment, "packages")
    sys.path += [kit, packages, os.path.join(kit, "shims"), root]
    # Programs that a handler starts see its dependencies too; nothing inside can be written beside sources.
    os.environ["PYTHONPATH"] = packages
    os.environ["PYTHONNOUSERSITE"] = "1"
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    try:
        extended = any(name.endswith(".pth") for name in os.listdir(packages))
    except OSError:
        return
    if extended:
        import site

        site.addsitedir(packages)


def load(name, root, environment, entry):
    """Imports the skill and returns its module."""
    folder = os.path.join(root, "skills", name)
    path = os.path.join(folder, entry or "__init__.py")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"The skill {name} has no {entry or '__init__.py'}.")
    loader = install_finder(root, environment)
    parent = type(sys)("skills")
    parent.__path__ = [os.path.join(root, "skills")]
    sys.modules["skills"] = parent
    if entry:
        # Modules beside the entry point can be imported by their bare names too.
        sys.path.append(os.path.dirname(path))
    full = f"skills.{name}"
    spec = _bootstrap_external.spec_from_file_location(
        full, path, loader=loader(full, path), submodule_search_locations=[os.path.dirname(path)]
    )
    module = _bootstrap.module_from_spec(spec)
    sys.modules[full] = module
    setattr(parent, name, module)
    spec.loader.exec_module(module)
    return module


class Skill:
    """A loaded skill, or the reason why it cannot be loaded."""

    def __init__(self, name):
        self.name = name
        self.legacy = False
        self.error = None
        self._definitions = []
        self._tools = {}

    def load(self, root, environment, entry):
        try:
            module = load(self.name, root, environment, entry)
            definitions, handlers = _tools.tables_of(module)
        except ImportError as error:
            self.error = f"Missing dependency: {error}"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a skill's import may raise
            self.error = f"Load error: {describe(error)}"
        else:
            self.legacy = not _tools.declared
            for tool_name, handler in handlers.items():
                self._tools[tool_name] = _tools.LegacyTool(tool_name, handler)
            self._tools.update(_tools.declared)
            for definition in definitions:
                if definition["function"]["name"] in handlers:
                    self._definitions.append(definition)
                else:
                    print(f"{definition['function']['name']} has no handler and is not offered.", file=sys.stderr)

    def tool(self, name):
        return self._tools.get(name)

    def definitions(self):
        return self._definitions + [tool.definition() for tool in _tools.declared.values()]


def describe(error):
    """What an exception says; its type if it says nothing."""
    if isinstance(error, SystemExit):
        return f"the code ended its program (exit {error.code})"
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - a __str__ that itself fails
        return type(error).__name__
