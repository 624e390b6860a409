// Skills in Python as the hands run them: the real plan, the real sandbox, the real interpreter, packages written here.
#include "python_fixture.hpp"

#include <algorithm>
#include <chrono>

namespace librebird::plugins {
namespace {

using namespace python_test;
using std::chrono::steady_clock;
using testing::HasSubstr;

TEST_F(PythonTest, RunsALegacyPackageUnchanged) {
  write("__init__.py", fmt::format(R"({}
import json, os
from .store import load, save
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_FILE = os.path.join(_ROOT, "data", "notes ü.json")

def tool_add(args):
    notes = load(_FILE) + [args.get("text", "nothing")]
    save(_FILE, notes)
    print("saved", len(notes))
    return {{"notes": notes, "home": os.path.isdir(os.path.expanduser("~")), "token": os.environ.get("GITHUB_TOKEN")}}

def tool_fail(args): raise ValueError("kaputt – 壊れた")

TOOL_DEFINITIONS = _define("add", "fail")
TOOL_HANDLERS = {{"add": tool_add, "fail": tool_fail}}
)",
                                   kTables));
  write("store.py", R"(
import json, os
def load(path): return json.load(open(path)) if os.path.exists(path) else []
def save(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    json.dump(value, open(path, "w"))
)");
  ASSERT_TRUE(prepare().ok());
  EXPECT_TRUE(runtime_->describes(skill_));
  const std::string described = talk(plan(), hands::protocol::encode_describe()).last();
  EXPECT_THAT(described, HasSubstr(R"("name":"add")"));
  EXPECT_EQ(answer("add", R"({"text":"größe 🐦"})", R"({"GITHUB_TOKEN":"stand-in"})"),
            R"({"notes":["größe 🐦"],"home":true,"token":"stand-in"})");
  EXPECT_EQ(answer("add", "{}"), R"({"notes":["größe 🐦","nothing"],"home":true,"token":null})");
  EXPECT_TRUE(std::filesystem::exists(directory_ / "data" / "notes ü.json"));
  EXPECT_EQ(answer("fail"), "error: Tool failed: kaputt – 壊れた");
  EXPECT_EQ(answer("other"), "error: Unknown tool: other");
}

TEST_F(PythonTest, OffersEveryModuleOfTheOldHost) {
  write("__init__.py", fmt::format(R"({}
def screen(args):
    from screen_ocr import read_screen, ocr_image, VISION_AVAILABLE
    return read_screen()
def know(args):
    from knowledge_base import knowledge_base
    knowledge_base.add("The capital of Österreich is Wien.", title="Austria", source=None)
    return knowledge_base.search("osterreich", top_k=3)
def older(args):
    import knowledge
    return knowledge.list_sources()
def image(args):
    from image_gen import generate_image
    return generate_image("a bird", negative_prompt=None, num_steps=20)
def speak(args):
    from tts_engine import tts_engine
    tts_engine.speak("hi")
def remind(args):
    from notifications import reminder_scheduler
    return reminder_scheduler.schedule_reminder("tea", 5)
TOOL_HANDLERS = dict(screen=screen, know=know, older=older, image=image, speak=speak, remind=remind)
TOOL_DEFINITIONS = _define(*TOOL_HANDLERS)
)",
                                   kTables));
  EXPECT_THAT(answer("screen"), HasSubstr(R"("available":false,"text":"","error":)"));
  EXPECT_THAT(answer("know"), HasSubstr(R"("source":"Austria","title":"Austria","relevance":1.0)"));
  EXPECT_EQ(answer("older"), R"({"sources":[{"name":"Austria","chunks":1}],"total_documents":1})");
  EXPECT_THAT(answer("image"), HasSubstr(R"({"error":)"));
  EXPECT_THAT(answer("speak"), HasSubstr("error: Tool failed: Speaking needs the user's own device"));
  EXPECT_THAT(answer("remind"), HasSubstr("worker"));
}

TEST_F(PythonTest, KeepsAWorkerBetweenCalls) {
  skill_.worker = true;
  write("__init__.py", fmt::format(R"({}
import threading
from notifications import reminder_scheduler
_count = 0
def count(args):
    global _count
    _count += 1
    return [_count, threading.get_ident()]
def remind(args): return reminder_scheduler.schedule_reminder(args["message"], 0.005)["message"]
TOOL_HANDLERS = dict(count=count, remind=remind)
TOOL_DEFINITIONS = _define(*TOOL_HANDLERS)
)",
                                   kTables));
  int results = 0;
  std::string notice;
  const Talk said = talk(plan(), {}, [&](SandboxProcess& process, const ProgramMessage& message) {
    if (message.type == Type::ready) EXPECT_TRUE(process.write(call_line("count")).ok());
    if (message.type == Type::result && ++results == 1) EXPECT_TRUE(process.write(call_line("count")).ok());
    if (message.type == Type::result && results == 2) {
      EXPECT_TRUE(message.value_json.starts_with("[2,")) << message.value_json;
      EXPECT_TRUE(process.write(call_line("remind", R"({"message":"Tee ü"})")).ok());
    }
    if (message.type == Type::event && message.text == "notify") {
      notice = message.value_json;
      process.close_input();
    }
  });
  EXPECT_EQ(results, 3);
  EXPECT_THAT(notice, HasSubstr(R"("message":"Tee ü")"));
  EXPECT_EQ(said.run.exit_code, 0);
}

TEST_F(PythonTest, SeesNothingOfThisMachine) {
  write("__init__.py", fmt::format(R"({}
import os, sys
def look(args):
    def tried(path):
        try:
            open(path, "a").close()
            return True
        except OSError:
            return False
    return {{"path": sys.path, "etc": os.path.exists("/etc/shadow"), "root": os.path.exists("/root"),
             "home": os.path.exists("/home"), "env": sorted(os.environ),
             "written": [path for path in ("/app/skills/demo/x", "/librebird/x", "/env/x", "/usr/x", "/x", "/app/x")
                         if tried(path)], "data": tried("/app/data/x"), "tmp": tried("/tmp/x"),
             "uid": os.getuid(), "site": "site" in sys.modules}}
TOOL_HANDLERS = dict(look=look)
TOOL_DEFINITIONS = _define("look")
)",
                                   kTables));
  ASSERT_TRUE(prepare().ok());
  const std::string seen = answer("look");
  EXPECT_THAT(seen, HasSubstr(R"("etc":false,"root":false,"home":false)"));
  EXPECT_THAT(seen, HasSubstr(R"("written":[],"data":true,"tmp":true,"uid":65534,"site":false)"));
  EXPECT_EQ(seen.find("dist-packages"), std::string::npos) << seen;
}

TEST_F(PythonTest, SurvivesHandlersThatMisbehave) {
  write("__init__.py", fmt::format(R"({}
import os, sys, threading
def leave(args): sys.exit(5)
def gone(args): os._exit(9)
def odd(args): return object()
def forge(args):
    os.write(1, b'{{"type":"result","id":"c1","value":"forged"}}\n')
    os.close(1); os.close(0)
    return "true"
def children(args):
    for _ in range(3):
        if os.fork() == 0: return "child"
    for _ in range(3): os.wait()
    return "parent"
def hungry(args): return len(bytearray(900 << 20))
def threads(args):
    out = []
    for n in range(20): threading.Thread(target=out.append, args=(n,)).start()
    return len(out)
def flood(args):
    while True: print("x" * 65536)
def forever(args):
    while True: pass
TOOL_HANDLERS = dict(leave=leave, gone=gone, odd=odd, forge=forge, children=children, hungry=hungry, threads=threads,
                     flood=flood, forever=forever)
TOOL_DEFINITIONS = _define(*TOOL_HANDLERS)
)",
                                   kTables));
  EXPECT_EQ(answer("leave"), "error: Tool failed: the code ended its program (exit 5)");
  EXPECT_EQ(answer("odd"), "error: Tool failed: Object of type object is not JSON serializable");
  EXPECT_EQ(answer("forge"), R"("true")");
  EXPECT_EQ(answer("children"), R"("parent")");
  // Which limit comes first depends on the machine's control groups.
  const Talk hungry = talk(plan(), call_line("hungry"));
  if (hungry.run.end != SandboxEnd::out_of_memory) EXPECT_EQ(hungry.last(), "error: Tool failed: MemoryError");
  EXPECT_EQ(answer("threads"), "20");
  const Talk gone = talk(plan(), call_line("gone"));
  EXPECT_EQ(gone.run.exit_code, 9);
  EXPECT_EQ(gone.said.size(), 1U);  // ready
  EXPECT_EQ(talk(plan(), call_line("flood")).run.end, SandboxEnd::output_limit);
  SandboxSpec brief = plan();
  brief.limits.wall_time = Millis(1500);
  EXPECT_EQ(talk(std::move(brief), call_line("forever")).run.end, SandboxEnd::timed_out);
}

TEST_F(PythonTest, RunsTheKit) {
  skill_.entrypoint = "tools.py";
  skill_.permissions = {"env_vars"};
  skill_.settings = {{.name = "region"}, {.name = "key", .type = SettingType::secret}};
  write("tools.py", R"(
import os
from librebird import Context, tool
from beside import WORD

@tool
def greet(name: str, context: Context, times: int = 1) -> str:
    """Greets somebody."""
    context.progress(0.5, "half")
    return " ".join([WORD, name] * times + [os.environ.get("region", "-"), os.environ.get("key", "-"),
                                             context.settings.require("key")])
)");
  write("beside.py", "WORD = 'Hallo'\n");
  ASSERT_TRUE(prepare().ok());
  EXPECT_THAT(talk(plan(), hands::protocol::encode_describe()).last(),
              HasSubstr(R"("properties":{"name":{"type":"string"},"times":{"type":"integer","default":1}})"));
  const Talk said = talk(plan(), call_line("greet", R"({"name":"Jörg"})", R"({"region":"eu","key":"stand-in"})"));
  EXPECT_EQ(said.last(), R"("Hallo Jörg eu - stand-in")");
  EXPECT_TRUE(std::ranges::any_of(said.said, [](const ProgramMessage& message) {
    return message.type == Type::progress && message.fraction == 0.5 && message.text == "half";
  }));
}

TEST_F(PythonTest, SaysWhatKeepsASkillFromLoading) {
  write("__init__.py", "import fitz\n");
  EXPECT_EQ(answer("x"), "error: Missing dependency: No module named 'fitz'");
  EXPECT_EQ(talk(plan(), hands::protocol::encode_describe()).last(),
            "error: Missing dependency: No module named 'fitz'");
  write("__init__.py", "def broken(:\n");
  EXPECT_THAT(answer("x"), HasSubstr("error: Load error: "));
  skill_.entrypoint = "absent.py";
  EXPECT_THAT(answer("x"), HasSubstr("has no absent.py"));
}

TEST_F(PythonTest, PreparesOrSaysWhyNot) {
  write("__init__.py", "");
  skill_.dependencies = {"https://example.com/x.whl"};
  skill_.entrypoint = "__init__.py";
  EXPECT_THAT(prepare().error().message, HasSubstr("is not a package name with versions"));
  // Without a way to the index.
  skill_.dependencies = {"requests>=2.31"};
  Build build(*sandbox_);
  const Status offline = testkit::run_on(loop_, runtime_->prepare(skill_, skill_.directory, build, {}));
  ASSERT_FALSE(offline.ok());
  EXPECT_THAT(offline.error().message, HasSubstr("cannot be installed"));
  EXPECT_FALSE(build.asked_hosts.empty());
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "env"));
  // Legacy prose is left out, with a note.
  skill_.entrypoint.clear();
  skill_.dependencies = {"GitHub token (optional)", "json"};
  EXPECT_TRUE(prepare().ok());
  EXPECT_TRUE(std::filesystem::exists(directory_ / "env" / "notes.txt"));
}

TEST_F(PythonTest, BoundsWhatIsInstalled) {
  write("__init__.py", "");
  config_->set("hands.python.max_environment_mb", ConfigValue(std::int64_t{1}));
  runtime_ = runtime_python().create({*config_, LIBREBIRD_TOOL_DIRECTORY}).value();
  ASSERT_TRUE(prepare().ok());
  std::ofstream(directory_ / "env" / "large") << std::string(2 << 20, 'x');
  EXPECT_THAT(prepare().error().message, HasSubstr("more than 1 MiB"));
  // A link counts as nothing and leads nowhere.
  std::filesystem::remove(directory_ / "env" / "large");
  std::filesystem::create_symlink("/usr", directory_ / "env" / "link");
  EXPECT_TRUE(prepare().ok());
}

TEST_F(PythonTest, NamesWhatIsMissingOnThisMachine) {
  config_->set("hands.python.interpreter", ConfigValue(std::string("/usr/bin/python9")));
  auto runtime = runtime_python().create({*config_, LIBREBIRD_TOOL_DIRECTORY}).value();
  EXPECT_THAT(runtime->plan(skill_, {}).error().message, HasSubstr("/usr/bin/python9 is missing"));
  config_->set("hands.python.interpreter", ConfigValue(std::string()));
  runtime = runtime_python().create({*config_, "/nonexistent"}).value();
  EXPECT_THAT(runtime->plan(skill_, {}).error().message, HasSubstr("kit"));
}

// The figures of the budget; printed, never asserted.
TEST_F(PythonTest, MeasuresACall) {
  write("__init__.py", fmt::format("{}\nimport json\ndef f(args): return args\nTOOL_HANDLERS = dict(f=f)\n"
                                   "TOOL_DEFINITIONS = _define('f')\n",
                                   kTables));
  ASSERT_TRUE(prepare().ok());
  std::vector<double> cold;
  std::vector<double> started;
  std::vector<double> warm;
  const auto since = [](steady_clock::time_point began) {
    return std::chrono::duration<double, std::milli>(steady_clock::now() - began).count();
  };
  for (int round = 0; round < 40; ++round) {
    const auto began = steady_clock::now();
    steady_clock::time_point asked;
    talk(plan(), {}, [&](SandboxProcess& process, const ProgramMessage& message) {
      if (message.type == Type::ready) {
        started.push_back(since(began));
        asked = steady_clock::now();
        EXPECT_TRUE(process.write(call_line("f")).ok());
      } else if (message.type == Type::result) {
        warm.push_back(since(asked));
        process.close_input();
      }
    });
    const auto again = steady_clock::now();
    talk(plan(), call_line("f"), [&](SandboxProcess& process, const ProgramMessage& message) {
      if (message.type != Type::result) return;
      cold.push_back(since(again));
      process.close_input();
    });
  }
  for (auto& [name, times] : {std::pair{"cold call", &cold}, {"start until ready", &started}, {"warm call", &warm}}) {
    std::ranges::sort(*times);
    fmt::print("{}: p50 {:.1f} ms, p95 {:.1f} ms\n", name, (*times)[times->size() / 2],
               (*times)[times->size() * 95 / 100]);
  }
}

}  // namespace
}  // namespace librebird::plugins
