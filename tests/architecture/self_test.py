"""Each rule is shown to fail on a planted violation and to pass on its correct twin."""

import rules
from tree import Tree

# rule → cases of (what it shows, files, number of violations)
CASES = {
    "layers-of-includes": [
        ("core may not include net", {"src/core/a.cpp": "#include <librebird/net/http_server.hpp>\n"}, 1),
        ("net may include base and core", {"src/net/a.cpp": "#include <librebird/base/result.hpp>\n"
                                                            "#include <librebird/core/model/chat.hpp>\n"}, 0),
        ("brain may not include hands", {"src/brain/x/a.hpp": "#include <librebird/hands/broker.hpp>\n"}, 1),
        ("net may not include storage", {"src/net/a.cpp": "#include <librebird/storage/database.hpp>\n"}, 1),
        ("apps may include everything", {"src/apps/a.cpp": "#include <librebird/gateway/gateway.hpp>\n"}, 0),
        ("a comment is no include", {"src/core/a.cpp": "// #include <librebird/net/http_server.hpp>\n"}, 0),
        ("an unknown folder has no layer", {"src/core/a.cpp": "#include <librebird/utils/x.hpp>\n"}, 1),
        ("a test may use more", {"src/brain/a_test.cpp": "#include <librebird/hands/broker.hpp>\n"}, 0),
    ],
    "layers-of-links": [
        ("gateway may not link brain", {
            "src/brain/CMakeLists.txt": "librebird_module(brain DEPS librebird_core_ports)\n",
            "src/gateway/CMakeLists.txt": "librebird_module(gateway\n  DEPS librebird_brain)\n"}, 1),
        ("neither by a later line", {
            "src/brain/CMakeLists.txt": "librebird_module(brain)\n",
            "src/gateway/CMakeLists.txt": "target_link_libraries(librebird_gateway PRIVATE librebird_brain)\n"}, 1),
        ("nor a plug-in of it", {
            "src/brain/providers/demo/CMakeLists.txt": "librebird_plugin(provider demo)\n",
            "src/hands/CMakeLists.txt": "librebird_module(hands PRIVATE librebird_provider_demo)\n"}, 1),
        ("its tests may", {
            "src/brain/CMakeLists.txt": "librebird_module(brain)\n",
            "src/gateway/CMakeLists.txt": "librebird_module(gateway DEPS fmt::fmt TEST_DEPS librebird_brain)\n"}, 0),
        ("apps may", {
            "src/brain/CMakeLists.txt": "librebird_module(brain)\n",
            "src/apps/CMakeLists.txt": "add_executable(librebird main.cpp)\n"
                                       "target_link_libraries(librebird PRIVATE librebird_brain)\n"}, 0),
        ("base may not link core", {
            "src/core/model/CMakeLists.txt": "librebird_module(core_model)\n",
            "src/base/CMakeLists.txt": "librebird_module(base DEPS librebird_core_model)\n"}, 1),
    ],
    "vendor-names": [
        ("a vendor in the loop", {"src/brain/loop/a.cpp": 'if (name == "openai") {}\n'}, 1),
        ("a vendor as part of an identifier", {"src/hands/broker/a.cpp": "int make_bubblewrap_sandbox();\n"}, 1),
        ("a way to sign in outside its folder", {"src/gateway/oidc/a.cpp": 'if (name == "google") {}\n'}, 1),
        ("a way to sign in at home", {"src/gateway/oidc/providers/google/a.cpp": 'auto n = "GOOGLE_CLIENT_ID";\n'}, 0),
        ("a vendor at home", {"src/brain/providers/openai/a.cpp": 'auto n = "OPENAI_API_KEY";\n'}, 0),
        ("by its other name at home", {"src/hands/sandbox/bubblewrap/a.cpp": 'auto p = "bwrap";\n'}, 0),
        ("a dialect in the storage layer", {"src/storage/sqlite/a.cpp": "#include <sqlite3.h>\n"}, 0),
        ("a dialect in the gateway", {"src/gateway/a.cpp": "#include <sqlite3.h>\n"}, 1),
        ("a comment may say it", {"src/brain/a.cpp": "// as OpenAI does\n"}, 0),
    ],
    "heavy-headers": [
        ("beast in a public header", {"src/net/include/librebird/net/a.hpp": "#include <boost/beast/http.hpp>\n"}, 1),
        ("json in a public header", {"src/core/include/librebird/core/a.hpp": "#include <boost/json.hpp>\n"}, 1),
        ("generated protobuf", {"src/rpc/include/librebird/rpc/a.hpp": '#include "brain.pb.h"\n'}, 1),
        ("sqlite3", {"src/storage/include/librebird/storage/a.hpp": "#include <sqlite3.h>\n"}, 1),
        ("asio may be", {"src/base/async/include/librebird/base/async/a.hpp":
                         "#include <boost/asio/awaitable.hpp>\n#include <fmt/format.h>\n"}, 0),
        ("a private header may", {"src/net/a.hpp": "#include <boost/beast/http.hpp>\n"}, 0),
    ],
    "file-size": [
        ("1,001 lines", {"src/net/a.cpp": "\n" * 1001}, 1),
        ("1,000 lines", {"src/net/a.cpp": "\n" * 1000}, 0),
        ("150 lines of wiring", {"src/apps/a.cpp": "\n" * 150}, 1),
        ("149 lines of wiring", {"src/apps/a.cpp": "\n" * 149}, 0),
        ("data is not written", {"web/package-lock.json": "\n" * 5000}, 0),
    ],
    "readmes": [
        ("a library without", {"src/bus/memory/CMakeLists.txt": "librebird_module(bus_memory)\n",
                               "src/bus/memory/bus.cpp": ""}, 1),
        ("public headers without", {"src/bus/memory/CMakeLists.txt": "librebird_module(bus_memory)\n",
                                    "src/bus/memory/include/librebird/bus/memory/bus.hpp": ""}, 1),
        ("nothing there yet", {"src/bus/memory/CMakeLists.txt": "librebird_module(bus_memory)\n"}, 0),
        ("a library with", {"src/bus/memory/CMakeLists.txt": "librebird_module(bus_memory)\n",
                            "src/bus/memory/bus.cpp": "", "src/bus/memory/README.md": "# bus/memory\n"}, 0),
        ("a folder of folders", {"src/bus/CMakeLists.txt": "add_subdirectory(memory)\n"}, 0),
    ],
    "unfinished": [
        ("a TODO", {"src/net/a.cpp": "// TODO: more\n"}, 1),
        ("a word that contains it", {"src/net/a.cpp": "int TODOS;\n"}, 0),
    ],
    "lock-files": [
        ("an address", {"web/package-lock.json": '{"resolved": "https://registry.example/a.tgz"}\n'}, 1),
        ("none", {"web/package-lock.json": '{"integrity": "sha512-x"}\n'}, 0),
    ],
    "static-registration": [
        ("a macro", {"src/hands/a.hpp": "#define LB_REGISTER_TOOL(x) x\n"}, 1),
        ("a static", {"src/hands/a.cpp": "static const bool tool_registered = add_tool();\n"}, 1),
        ("a constructor function", {"src/hands/a.cpp": "__attribute__((constructor)) void f() {}\n"}, 1),
        ("a member", {"src/hands/a.cpp": "void f() { bool is_registered = true; }\n"}, 0),
    ],
    "lambda-coroutines": [
        ("a declared one", {"src/net/a.cpp": "auto f = [&](int x) -> Task<int> { co_return x; };\n"}, 1),
        ("an undeclared one", {"src/net/a.cpp": "auto f = [this] { co_await g(); };\n"}, 1),
        ("across lines", {"src/net/a.cpp": "spawn(\n    [self = shared()](std::function<int(int)> f) mutable\n"
                                           "        -> Task<> {\n  co_await g();\n});\n"}, 1),
        ("without captures", {"src/net/a.cpp": "auto f = [](int x) -> Task<int> { co_return x; };\n"}, 0),
        ("not a coroutine", {"src/net/a.cpp": "Task<> f() { auto g = [&] { h(); }; co_await k(g); }\n"}, 0),
        ("a harmless one around a harmless one",
         {"src/net/a.cpp": "auto f = [&] { return [](int x) -> Task<int> { co_return x; }; };\n"}, 0),
        ("a subscript is no lambda", {"src/net/a.cpp": "Task<> f() { a[i](x); co_await b[j](y); }\n"}, 0),
        ("in a test", {"src/net/a_test.cpp": "auto f = [&]() -> Task<> { co_await g(); };\n"}, 0),
    ],
}


def run(only=()):
    """Yields (name, error or '')."""
    for rule in rules.RULES:
        if only and rule not in only:
            continue
        cases = CASES.get(rule, [])
        if not any(expected for _, _, expected in cases):
            yield rule, "has no planted violation"
        for shows, files, expected in cases:
            found = rules.RULES[rule](Tree(dict(files)))
            yield f"{rule}: {shows}", "" if len(found) == expected else f"expected {expected}, found {found}"
