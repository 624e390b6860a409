"""The files that the rules look at, from a folder or from memory (self-tests)."""

import os
import re
import subprocess

SKIPPED_FOLDERS = {".git", "build", "node_modules", "dist", ".cache", "coverage"}
STRINGS_AND_COMMENTS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\\\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.S)


class Tree:
    def __init__(self, files):
        """files: path → text."""
        self._files = files
        self._stripped = {}

    @staticmethod
    def of_folder(root):
        root = os.path.realpath(root)
        return Tree(_Folder(root))

    def paths(self, *suffixes, under=""):
        return [path for path in sorted(self._files)
                if path.startswith(under) and (not suffixes or path.endswith(suffixes))]

    def text(self, path):
        return self._files[path]

    def has(self, path):
        return path in self._files

    def code(self, path, strings=False):
        """C++ without its comments (and without the contents of literals, unless `strings`), same line numbers."""
        key = (path, strings)
        if key not in self._stripped:
            def blank(match):
                found = match[0]
                if strings and not found.startswith(("//", "/*")):
                    return found
                quote = '""' if found[0] in '"R' else "''" if found[0] == "'" else " "
                return quote + "\n" * found.count("\n")
            self._stripped[key] = STRINGS_AND_COMMENTS.sub(blank, self.text(path))
        return self._stripped[key]


class _Folder(dict):
    """Reads a file when it is asked for."""

    def __init__(self, root):
        self._root = root
        listed = subprocess.run(["git", "-C", root, "ls-files", "-coz", "--exclude-standard"],
                                capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            paths = [path for path in listed.stdout.split("\0") if path]
        else:
            paths = []
            for folder, folders, names in os.walk(root):
                folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
                paths += [os.path.relpath(os.path.join(folder, name), root) for name in names]
        super().__init__({path: None for path in paths if os.path.isfile(os.path.join(root, path))})

    def __getitem__(self, path):
        text = super().__getitem__(path)
        if text is None:
            with open(os.path.join(self._root, path), encoding="utf-8", errors="replace") as file:
                text = file.read()
            self[path] = text
        return text
