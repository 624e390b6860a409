// Programs that serve tools well, badly and not at all, in the real sandbox: one clear answer each.
#include "call_runner.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/base/random.hpp>
#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace librebird::hands {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kWorkspace = "0193a000-0000-7000-8000-000000000001";
constexpr const char* kAda = "0193a000-0000-7000-8000-000000000002";
constexpr const char* kBob = "0193a000-0000-7000-8000-000000000003";

// What an authoring kit does, in few lines: `handle(call)` is the skill.
constexpr const char* kKit = R"(
import json, os, signal, sys, threading, time
out = os.fdopen(os.dup(1), 'w'); os.dup2(2, 1)
sys.stdout.reconfigure(line_buffering=True)  # a print is out before the last word, which ends the program
lock = threading.Lock()
def say(**m):
    with lock: print(json.dumps(m), file=out, flush=True)
def serve():
    for line in sys.stdin:
        call = json.loads(line)
        if call['type'] != 'call': continue
        def run(call=call):
            try: say(type='result', id=call['id'], value=handle(call))
            except Exception as e: say(type='error', id=call['id'], message=repr(e))
        threading.Thread(target=run).start()
)";

// A skill's `entrypoint` is a Python program here.
class PythonRuntime final : public ToolRuntime {
 public:
  Result<SandboxSpec> plan(const SkillManifest& skill, const ToolSpec& /*tool*/) override {
    SandboxSpec spec;
    spec.argv = {"/usr/bin/python3", "-I", "-c", skill.entrypoint};
    spec.system = true;
    spec.limits = limits;
    if (skill.directory == "own") spec.user_folder = "/app/data";
    return spec;
  }
  SandboxLimits limits;
};

struct Seen {
  std::string output;
  std::vector<double> fractions;
};

class Calls : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("LIBREBIRD_NO_SANDBOX_TESTS") != nullptr)
      GTEST_SKIP() << "LIBREBIRD_NO_SANDBOX_TESTS is set: containment is not tested";
    std::signal(SIGPIPE, SIG_IGN);
    directory_ = std::filesystem::temp_directory_path() / ("calls-test-" + ids_.next());
    std::filesystem::create_directories(directory_);
    std::vector<ConfigKey> keys;
    for (const SandboxPlugin& plugin : sandbox_plugins())
      keys.insert(keys.end(), plugin.manifest.config.begin(), plugin.manifest.config.end());
    const auto config = Config::load(keys, "", [](std::string_view) { return std::optional<std::string>(); });
    for (const SandboxPlugin& plugin : sandbox_plugins()) {
      if (plugin.manifest.name != "bubblewrap") continue;
      plugins_.sandbox = plugin.create({*config, loop_.executor(), clock_, LIBREBIRD_TOOL_DIRECTORY}).value();
    }
    auto runtime = std::make_unique<PythonRuntime>();
    runtime_ = runtime.get();
    plugins_.runtimes["python"] = std::move(runtime);
    calls_ = std::make_unique<CallRunner>(loop_.executor(), clock_, plugins_, fence_, directory_.native(), PoolLimits{},
                                          [this](WorkerEvent event) { events_.push_back(std::move(event)); });
  }
  void TearDown() override {
    if (calls_) (void)testkit::run_on(loop_, close());
    calls_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  Task<Status> close() {
    co_await calls_->close();
    co_return Ok{};
  }
  static std::shared_ptr<SkillManifest> skill(std::string program, bool worker = false) {
    auto manifest = std::make_shared<SkillManifest>();
    manifest->name = "sample";
    manifest->runtime = "python";
    manifest->entrypoint = std::move(program);
    manifest->worker = worker;
    manifest->tools.resize(1);
    manifest->tools[0].name = "do";
    return manifest;
  }
  static std::shared_ptr<SkillManifest> helper(std::string program) {
    return skill(std::string(kKit) + std::move(program) + "\nserve()", true);
  }
  Task<Outcome> start(std::shared_ptr<const SkillManifest> skill, std::string arguments = "{}",
                      std::stop_token stop = {}, std::string user = kAda) {
    ToolRequest request;
    request.call = {ids_.next(), "do", std::move(arguments)};
    request.principal = {std::move(user), kWorkspace, Role::owner, "test"};
    CallObserver observer;
    observer.output = [this](std::string_view text) { seen_.output += text; };
    observer.progress = [this](double fraction, std::string_view /*message*/) { seen_.fractions.push_back(fraction); };
    co_return co_await calls_->run(skill->tools[0], skill, "{}", CallSecrets{}, std::move(request), std::move(observer),
                                   stop);
  }
  Outcome call(std::shared_ptr<const SkillManifest> skill, std::string arguments = "{}", std::string user = kAda) {
    return testkit::run_on(loop_, start(std::move(skill), std::move(arguments), {}, std::move(user)));
  }
  Outcome one(const std::string& program) { return call(skill(std::string(kKit) + program)); }

  Loop loop_;
  SystemClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  testkit::ScriptedHttpClient http_;
  egress::Fence fence_{loop_.executor(), http_};
  std::filesystem::path directory_;
  Plugins plugins_;
  PythonRuntime* runtime_ = nullptr;
  std::vector<WorkerEvent> events_;
  std::unique_ptr<CallRunner> calls_;
  Seen seen_;
};

TEST_F(Calls, AnswerWithOutputAndProgress) {
  const Outcome outcome = call(skill(std::string(kKit) + R"(
def handle(call):
    print('a print of the handler')
    say(type='output', id=call['id'], text='more')
    say(type='progress', id=call['id'], fraction=0.5, message='half')
    return {'sum': sum(call['arguments']['n']), 'zone': bool(call['zone']['name']), 'now': call['now'] > 1.7e12}
serve()
)"),
                               R"({"n":[1,2,3.5]})");
  EXPECT_EQ(outcome.content_json, R"({"sum": 6.5, "zone": true, "now": true})");
  EXPECT_EQ(outcome.status, ToolStatus::ok);
  EXPECT_THAT(seen_.output, HasSubstr("a print of the handler"));
  EXPECT_THAT(seen_.output, HasSubstr("more"));
  EXPECT_EQ(seen_.fractions, std::vector<double>{0.5});
  EXPECT_GT(outcome.used.cpu_ms, 0);
  EXPECT_GT(outcome.used.bytes, 0);
}

TEST_F(Calls, FailuresAreOneClearErrorEach) {
  runtime_->limits.wall_time = Millis(3000);
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"def handle(call): raise ValueError('no such city')\nserve()", R"x({"error":"ValueError('no such city')"})x"},
      {"def handle(call): return {1, 2}\nserve()", "not JSON serializable"},
      {"def handle(call): return {'error': 'soft'}\nserve()", R"({"error": "soft"})"},
      {"os.write(out.fileno(), b'hello, I am no protocol\\n'); time.sleep(100)",
       "what it wrote is not the tool protocol (a line was not JSON)"},
      {"os.write(out.fileno(), b'\\xff\\x00\\n'); time.sleep(100)", "is not the tool protocol"},
      {"say(type='result', id='c1', value=float('nan')); time.sleep(100)", "is not the tool protocol"},
      {"b = b'x' * 65536\nwhile True: os.write(out.fileno(), b)", "wrote more than 1048576 bytes"},
      {"b = b'x' * 65536\nwhile True: os.write(2, b)", "wrote more than 1048576 bytes"},
      {"b = b'{\"type\":\"output\",\"id\":\"c1\",\"text\":\"x\"}\\n' * 1000\nwhile True: os.write(out.fileno(), b)",
       "wrote more than 1048576 bytes"},
      {"time.sleep(100)", "it took longer than 3 seconds"},
      {"signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass", "it took longer than 3 seconds"},
      {"sys.exit(0)", "The tool do ended without an answer (code 0)."},
      {"import no_such_module", "ended without an answer (code 1): ModuleNotFoundError: No module named"},
      {"os.kill(os.getpid(), 11)", "The tool do crashed (signal 11)"},
      {"say(type='result', id='c9', value=1); sys.exit(0)", "ended without an answer (code 0)."},
      {"out.write('{\"type\":\"result\",\"id\":\"c1\",\"val'); out.flush(); sys.exit(0)", "is not the tool protocol"},
  };
  for (const auto& [program, expected] : cases) {
    const Outcome outcome = one(program);
    EXPECT_EQ(outcome.status, ToolStatus::error) << program;
    EXPECT_THAT(outcome.content_json, HasSubstr(expected)) << program;
    EXPECT_LT(outcome.content_json.size(), 2000U) << program;
    EXPECT_FALSE(outcome.detail.empty()) << program;
  }
  runtime_->limits = {};
  runtime_->limits.memory_bytes = 64 << 20;
  EXPECT_THAT(one("hoard = [bytearray(1 << 20) for _ in range(600)]").content_json, HasSubstr("emory"));
  // And the rest goes on working.
  runtime_->limits = {};
  EXPECT_EQ(one("def handle(call): return 1\nserve()").content_json, "1");
}

TEST_F(Calls, EndAtTheLastWord) {
  runtime_->limits.wall_time = Millis(20'000);
  const auto began = std::chrono::steady_clock::now();
  const Outcome outcome = one(R"(
if os.fork() == 0:
    os.setsid(); time.sleep(100)
say(type='result', id='c1', value='done')
say(type='result', id='c1', value='twice')
time.sleep(100)
)");
  EXPECT_EQ(outcome.content_json, R"("done")");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

Task<void> stop_after(Millis time, std::stop_source& source) {
  co_await sleep_for(time);
  source.request_stop();
}

Task<Outcome> with_stop(Executor executor, Task<Outcome> call, std::stop_source& source) {
  Scope scope(executor);
  scope.spawn(stop_after(Millis(300), source), "stop");
  Outcome outcome = co_await std::move(call);
  co_await scope.join();
  co_return outcome;
}

TEST_F(Calls, AreStopped) {
  for (const bool worker : {false, true}) {
    std::stop_source source;
    const auto stubborn = skill("import time\nwhile True: time.sleep(1)", worker);
    const Outcome outcome =
        testkit::run_on(loop_, with_stop(loop_.executor(), start(stubborn, "{}", source.get_token()), source));
    EXPECT_EQ(outcome.status, ToolStatus::interrupted);
  }
}

TEST_F(Calls, LeaveNothingForTheNext) {
  const auto curious = skill(std::string(kKit) + R"(
found = os.listdir('/tmp')
open('/tmp/' + str(time.time_ns()), 'w')
def handle(call):
    before = os.listdir('/tmp'); open('/tmp/left', 'w').write('secret'); return [found, len(before), os.getpid()]
serve()
)");
  const Outcome first = call(curious);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(call(curious).content_json, first.content_json);
}

TEST_F(Calls, GiveEachUserAFolderOfTheirOwn) {
  auto writing = skill(std::string(kKit) + R"(
def handle(call):
    with open('/app/data/log', 'a') as f: f.write(call['arguments']['x'])
    return open('/app/data/log').read()
serve()
)");
  writing->directory = "own";
  EXPECT_EQ(call(writing, R"({"x":"a"})").content_json, R"("a")");
  EXPECT_EQ(call(writing, R"({"x":"b"})").content_json, R"("ab")");
  EXPECT_EQ(call(writing, R"({"x":"c"})", kBob).content_json, R"("c")");
  EXPECT_EQ(call(writing, R"({"x":"d"})", "../../etc").status, ToolStatus::error);
  const auto folder = directory_ / "skill-data" / kWorkspace / kBob / "sample";
  EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms::owner_all);
}

constexpr const char* kCounting = R"(
state = {'n': 0}
def handle(call):
    args = call['arguments']
    if args.get('sleep'): time.sleep(args['sleep'])
    if args.get('die'): os._exit(3)
    if args.get('flood'):
        while True: os.write(out.fileno(), b'x' * 65536)
    if args.get('notify'): say(type='event', name='notify', data={'title': args['notify']})
    state['n'] += 1
    return [state['n'], os.getpid()]
)";

TEST_F(Calls, WorkersKeepTheirStateForOneUser) {
  const auto counting = helper(kCounting);
  EXPECT_EQ(call(counting).content_json.substr(0, 3), "[1,");
  EXPECT_EQ(call(counting, R"({"notify":"tea"})").content_json.substr(0, 3), "[2,");
  EXPECT_EQ(call(counting, "{}", kBob).content_json.substr(0, 3), "[1,");
  EXPECT_EQ(call(counting).content_json.substr(0, 3), "[3,");
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].user_id, kAda);
  EXPECT_EQ(events_[0].skill, "sample");
  EXPECT_EQ(events_[0].data_json, R"({"title": "tea"})");
}

Task<Status> both(Executor executor, Task<Outcome> a, Task<Outcome> b, std::vector<Outcome>& outcomes) {
  Scope scope(executor);
  auto run = [](Task<Outcome> task, std::vector<Outcome>& into) -> Task<void> {
    into.push_back(co_await std::move(task));
  };
  scope.spawn(run(std::move(a), outcomes), "a");
  scope.spawn(run(std::move(b), outcomes), "b");
  co_await scope.join();
  co_return Ok{};
}

// More than one read takes, and the answer right behind it.
TEST_F(Calls, GiveEveryPrintBeforeTheAnswer) {
  constexpr std::size_t kPrinted = 60'000;
  for (const bool worker : {false, true}) {
    const auto printing = skill(std::string(kKit) + R"(
def handle(call):
    say(type='output', id=call['id'], text='begin')
    print('x' * 60000, end='', flush=True)
    return 'answer'
serve()
)",
                                worker);
    for (int i = 0; i < 5; ++i) {
      seen_ = {};
      EXPECT_EQ(call(printing).content_json, R"("answer")");
      EXPECT_EQ(std::ranges::count(seen_.output, 'x'), kPrinted) << "worker: " << worker;
    }
  }
}

TEST_F(Calls, WorkersServeCallsAtTheSameTime) {
  const auto counting = helper(kCounting);
  std::vector<Outcome> outcomes;
  (void)testkit::run_on(
      loop_, both(loop_.executor(), start(counting, R"({"sleep":1})"), start(counting, R"({"sleep":0.5})"), outcomes));
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].content_json.substr(0, 3), "[1,") << outcomes[0].content_json;
  EXPECT_EQ(outcomes[1].content_json.substr(0, 3), "[2,") << outcomes[1].content_json;
}

TEST_F(Calls, WorkersThatDieAreStartedAgainLaterAndLater) {
  const auto counting = helper(kCounting);
  EXPECT_EQ(call(counting).status, ToolStatus::ok);
  EXPECT_THAT(call(counting, R"({"die":true})").content_json, HasSubstr("ended unexpectedly (code 3)"));
  EXPECT_THAT(call(counting).content_json, HasSubstr("it is started again in"));
  EXPECT_EQ(call(counting, "{}", kBob).status, ToolStatus::ok);  // nobody else's matter
  testkit::run_on(loop_, sleep_for(Millis(1100)));
  EXPECT_EQ(call(counting).content_json.substr(0, 3), "[1,");
}

TEST_F(Calls, WorkersAreHeldToTheLimitsOfACall) {
  runtime_->limits.wall_time = Millis(1000);
  const auto counting = helper(kCounting);
  EXPECT_THAT(call(counting, R"({"flood":true})").content_json, HasSubstr("wrote more than"));
  EXPECT_EQ(call(counting).status, ToolStatus::ok);  // we ended it: no delay
  EXPECT_THAT(call(counting, R"({"sleep":100})").content_json, HasSubstr("it took longer than 1 seconds"));
  EXPECT_EQ(call(counting).content_json.substr(0, 3), "[1,");
  EXPECT_THAT(call(helper("os.write(out.fileno(), b'garbage\\n')\ndef handle(call): time.sleep(9)")).content_json,
              HasSubstr("is not the tool protocol"));
}

TEST_F(Calls, AChangedSkillGetsANewWorker) {
  EXPECT_EQ(call(helper(kCounting)).status, ToolStatus::ok);
  EXPECT_EQ(call(helper("def handle(call): return 'new'")).content_json, R"("new")");
}

}  // namespace
}  // namespace librebird::hands
