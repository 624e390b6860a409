"""The rules. Each takes a Tree and returns its violations, one sentence each with path and line."""

import re

CPP = (".cpp", ".hpp")

# ---- Layers ---------------------------------------------------------------------------------------------------

# A folder may use its own headers and those of a lower number. Folders of the same number do not know each other.
LAYERS = {
    "src/base": 0,
    "src/core": 1,
    "src/net": 2, "src/rpc": 2, "src/storage": 2, "src/bus": 2,
    "src/brain": 3, "src/hands": 3, "src/gateway": 3, "src/marketplace": 3, "src/cli": 3, "skills": 3,
    "src/apps": 4,
}
# Where a target is defined in one folder for the use of another: target → folder that may link it besides apps.
LAYER_EXCEPTIONS = {}

TEST_FILE = re.compile(r"(_test|_sandboxtest|_dbtest|_conformance|_testkit)\.(cpp|hpp)$|(^|/)(tests|testkit)/")
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"]+)[>\"]", re.M)


def is_test(path):
    return bool(TEST_FILE.search(path))


def layer_folder(path):
    for folder in LAYERS:
        if path.startswith(folder + "/"):
            return folder
    return None


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def includes(tree, path):
    text = tree.code(path, strings=True)
    return [(line_of(text, match.start()), match[2]) for match in INCLUDE.finditer(text)]


def may_use(user, used):
    return user == used or LAYERS[used] < LAYERS[user]


def layers_of_includes(tree):
    """A folder includes only headers of its own or of a lower layer."""
    found = []
    for path in tree.paths(*CPP):
        user = layer_folder(path)
        if not user or is_test(path):
            continue
        for line, header in includes(tree, path):
            if not header.startswith("librebird/"):
                continue
            top = header.split("/")[1]
            used = "skills" if top == "skills" else "src/" + top
            if used not in LAYERS:
                found.append(f"{path}:{line}: <{header}> belongs to no layer")
            elif not may_use(user, used):
                found.append(f"{path}:{line}: {user} may not include <{header}>")
    return found


CMAKE_CALL = re.compile(r"^[ \t]*(\w+)[ \t]*\(([^()]*(?:\([^()]*\)[^()]*)*)\)", re.M)


def cmake_calls(text):
    text = re.sub(r"#[^\n]*", "", text)
    for match in CMAKE_CALL.finditer(text):
        yield line_of(text, match.start()), match[1].lower(), match[2].split()


def defined_target(call, words):
    if not words:
        return None
    if call == "librebird_module":
        return "librebird_" + words[0]
    if call == "librebird_plugin" and len(words) > 1:
        return f"librebird_{words[0]}_{words[1]}"
    if call == "librebird_registry":
        return f"librebird_{words[0]}_registry"
    if call in ("add_library", "add_executable"):
        return words[0]
    return None


def layers_of_links(tree):
    """A library links only what stands below it, and nothing beside it."""
    home = {}
    for path in tree.paths("CMakeLists.txt"):
        folder = layer_folder(path)
        for _, call, words in cmake_calls(tree.text(path)):
            target = defined_target(call, words)
            if folder and target:
                home[target] = folder
    found = []
    for path in tree.paths("CMakeLists.txt"):
        user = layer_folder(path)
        if not user:
            continue
        for line, call, words in cmake_calls(tree.text(path)):
            if call == "librebird_tests":
                continue
            if call == "target_link_libraries" and words and words[0].endswith("tests"):
                continue
            if call not in ("librebird_module", "librebird_plugin", "target_link_libraries"):
                continue
            for word in words[1:]:
                if word == "TEST_DEPS":
                    break
                used = home.get(word)
                if used and not may_use(user, used) and LAYER_EXCEPTIONS.get(word) != user:
                    found.append(f"{path}:{line}: {words[0]} in {user} may not link {word} of {used}")
    return found


# ---- Names and headers of third parties -------------------------------------------------------------------------

VENDORS = ("openai", "anthropic", "claude", "gemini", "mistral", "ollama", "llama", "groq", "deepseek", "openrouter",
           "bubblewrap", "bwrap", "docker", "podman", "seatbelt", "sqlite", "postgres", "redis", "telegram", "discord",
           "slack", "whatsapp", "twilio", "mailgun", "stripe")
VENDOR = re.compile("|".join(VENDORS), re.I)
# Names that stand for other things elsewhere (a code host, a test library), but for a way to sign in here.
SIGN_IN_VENDOR = re.compile("google|github|microsoft", re.I)
SIGN_IN_FOLDERS = ("src/gateway/", "src/core/ports/", "src/apps/", "src/cli/")
# path prefix → the names it may use, and why. The list should only shrink.
VENDORS_ALLOWED = {
    "src/storage/": {"sqlite", "postgres"},   # the drivers' home: one folder a dialect, chosen in its factory
    "src/bus/": {"redis"},                    # likewise
    "src/gateway/openai/": {"openai"},        # the compatible API is named after its model
    "src/gateway/http/": {"openai"},          # where that API is mounted
    # It recognises the vendors' keys by their shape, and names what it found.
    "src/hands/vault/shapes.cpp": {"openai", "anthropic", "docker", "openrouter", "slack", "stripe", "telegram", "twilio",
                                   "mailgun", "groq"},
    "src/apps/": {"sqlite", "postgres", "redis"},  # where it is decided which one runs
    "src/core/manifest/": {"docker"},         # a public word of skill.json: one of the runtimes a skill can name
    "src/brain/providers/demo/": {"openai"},  # its answers say how to connect a real model
}
# Other names of the same vendor, at home in its folder.
ALIASES = {"bwrap": "bubblewrap", "podman": "docker", "gemini": "google", "claude": "anthropic"}


def vendor_names(tree):
    """A vendor's name stays inside its own folder."""
    found = []
    for path in tree.paths(*CPP, under="src/"):
        if is_test(path):
            continue
        allowed = set()
        for prefix, names in VENDORS_ALLOWED.items():
            if path.startswith(prefix):
                allowed |= names
        own = path.lower().split("/")[:-1]
        code = tree.code(path, strings=True)
        matches = list(VENDOR.finditer(code))
        if path.startswith(SIGN_IN_FOLDERS):
            matches += SIGN_IN_VENDOR.finditer(code)
        for match in matches:
            name = match[0].lower()
            if name not in allowed and not any(name in part or ALIASES.get(name, name) in part for part in own):
                found.append(f"{path}:{line_of(code, match.start())}: '{match[0]}' belongs into a folder of its own")
    return found


HEAVY = re.compile(r"^(boost/(?!asio/)|grpc|google/protobuf|sqlite3|curl/|libpq|postgresql/|hiredis|openssl/|sodium|"
                   r"toml\+\+|CLI/|valijson|rapidjson|nlohmann|seccomp|cmark|prometheus/|spdlog|gtest|gmock|Q[A-Z])|"
                   r"\.pb\.h$")


def heavy_headers(tree):
    """A public header drags in no third-party library (fmt and Asio's core excepted)."""
    found = []
    for path in tree.paths(".hpp", under="src/"):
        if "/include/" not in path or "/testkit/" in path:
            continue
        for line, header in includes(tree, path):
            if HEAVY.search(header):
                found.append(f"{path}:{line}: <{header}> in a public header")
    return found


# ---- Shape of the tree ------------------------------------------------------------------------------------------

HARD_LINES = 1000
AIM_LINES = 400
APPS_LINES = 150
WRITTEN = (".cpp", ".hpp", ".py", ".sh", ".js", ".mjs", ".ts", ".tsx", ".css", ".cmake", "CMakeLists.txt", "dev")


def count_lines(tree, path):
    return tree.text(path).count("\n")


def file_size(tree):
    """No written file is longer than 1,000 lines; one of src/apps stays under 150."""
    found = []
    for path in tree.paths(*WRITTEN):
        lines = count_lines(tree, path)
        if lines > HARD_LINES:
            found.append(f"{path} has {lines} lines")
        elif path.startswith("src/apps/") and lines >= APPS_LINES:
            found.append(f"{path} has {lines} lines: src/apps is wiring only, under {APPS_LINES}")
    return found


def long_files(tree):
    return [(path, count_lines(tree, path)) for path in tree.paths(*WRITTEN) if count_lines(tree, path) > AIM_LINES]


def readmes(tree):
    """Every library's folder with sources has a README.md."""
    found = []
    for path in tree.paths("CMakeLists.txt", under="src/"):
        folder = path[:-len("CMakeLists.txt")]
        calls = {call for _, call, _ in cmake_calls(tree.text(path))}
        if calls & {"librebird_module", "librebird_plugin", "add_library", "add_executable"}:
            sources = [name for name in tree.paths(*CPP, under=folder)
                       if "/" not in name[len(folder):] or name.startswith(folder + "include/")]
            if sources and not tree.has(folder + "README.md"):
                found.append(f"{folder} has no README.md (purpose, non-goals, threads, how to test)")
    return found


def unfinished(tree):
    """No TODO, FIXME or XXX: work to do is an issue, not a comment."""
    found = []
    for path in tree.paths(*WRITTEN):
        if path.startswith("tests/architecture/"):
            continue
        for match in re.finditer(r"\b(TODO|FIXME|XXX)\b", tree.text(path)):
            found.append(f"{path}:{line_of(tree.text(path), match.start())}: {match[0]}")
    return found


def lock_files(tree):
    """npm lock files name no registry, so that any mirror serves them."""
    return [f"{path}: has \"resolved\" addresses; install with omit-lockfile-registry-resolved"
            for path in tree.paths("package-lock.json") if re.search(r'"resolved": *"http', tree.text(path))]


# ---- C++ --------------------------------------------------------------------------------------------------------

REGISTRATION = re.compile(r"#[ \t]*define[ \t]+\w*REGISTER\w*|__attribute__[ \t]*\(\([ \t]*constructor|"
                          r"^(?:static|const|inline|namespace \{)[^;\n]*\b\w*(?:[Rr]egistered|[Rr]egistrar)\w*[ \t]*[={(]",
                          re.M)


def static_registration(tree):
    """Plug-ins are registered by the build's list, not by static constructors."""
    found = []
    for path in tree.paths(*CPP):
        code = tree.code(path)
        for match in REGISTRATION.finditer(code):
            found.append(f"{path}:{line_of(code, match.start())}: registers itself: {match[0].strip()}")
    return found


LAMBDA = re.compile(r"(?<![\w\])\"'])\s*\[([^\[\]]*)\]\s*(?=[({<]|mutable\b|->|noexcept\b)")
COROUTINE = re.compile(r"\bco_(await|return|yield)\b")


def matching(code, start):
    """The offset behind the bracket that closes the one at `start`."""
    pairs = {"(": ")", "{": "}", "<": ">"}
    opening, closing, depth = code[start], pairs[code[start]], 0
    for offset in range(start, len(code)):
        if code[offset] == opening:
            depth += 1
        elif code[offset] == closing:
            depth -= 1
            if depth == 0:
                return offset + 1
    return len(code)


def lambdas(code):
    """(offset, captures, head, body start, body end) of each lambda, inner ones after outer ones."""
    for match in LAMBDA.finditer(code):
        offset = match.end()
        head = offset
        while offset < len(code) and code[offset] not in "{;":
            if code[offset] in "(<":
                offset = matching(code, offset)
            else:
                offset += 1
        if offset < len(code) and code[offset] == "{":
            yield match.start(), match[1].strip(), code[head:offset], offset, matching(code, offset)


def lambda_coroutines(tree):
    """A capturing lambda is no coroutine: its captures die with the lambda, before the coroutine does."""
    found = []
    for path in tree.paths(*CPP):
        if is_test(path) or not (path.startswith(("src/", "skills/", "bench/"))):
            continue
        code = tree.code(path)
        remaining = code
        # Innermost first: a body that was looked at does not count for the lambda around it.
        for start, captures, head, begin, end in reversed(list(lambdas(code))):
            body = remaining[begin:end]
            is_coroutine = COROUTINE.search(body) or re.search(r"->\s*(librebird::)?Task\b", head)
            if captures and is_coroutine:
                found.append(f"{path}:{line_of(code, start)}: [{captures}] is a coroutine: "
                             "make it a member function or a free coroutine with parameters by value")
            remaining = remaining[:begin] + re.sub(r"[^\n]", " ", body) + remaining[end:]
    return sorted(found)


RULES = {rule.__name__.replace("_", "-"): rule for rule in (
    layers_of_includes, layers_of_links, vendor_names, heavy_headers, file_size, readmes, unfinished, lock_files,
    static_registration, lambda_coroutines)}
