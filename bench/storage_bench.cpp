// How many durable turns a second the storage takes: accept, lease, finish, from several coroutines at once.
//   storage_bench [folder] [seconds]     prints one JSON object; the folder decides which disk is measured.
// With DATABASE_URL it measures that database (an empty one), through a pool of STORAGE_POOL connections.
#include <librebird/base/async/scope.hpp>
#include <librebird/storage/storage.hpp>

#include <sys/resource.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace {

using namespace librebird;

struct Run {
  Storage& storage;
  Principal principal;
  SteadyTime until;
  std::vector<double> millis;
  int failures = 0;
};

Task<void> client(Run& run, int number) {
  constexpr int kTurnsInOne = 20;  // then the conversation is left for a new one
  const std::string owner = "bench";
  std::string conversation_id;
  for (int i = 0; std::chrono::steady_clock::now() < run.until; ++i) {
    if (i % kTurnsInOne == 0) {
      Result<Conversation> conversation = co_await run.storage.conversations().create(run.principal, "");
      if (!conversation) {
        ++run.failures;
        co_return;
      }
      conversation_id = conversation->id;
    }
    const auto start = std::chrono::steady_clock::now();
    AcceptMessage message;
    message.conversation_id = conversation_id;
    message.content =
        fmt::format("Question {} of client {}: what is the capital of France, and how far is it from here?", i, number);
    message.client_message_id = fmt::format("{}-{}", conversation_id, i);
    auto accepted = co_await run.storage.turns().accept(run.principal, message);
    auto leased = co_await run.storage.turns().lease(conversation_id, owner, std::chrono::seconds(30), 20);
    if (!accepted || !leased || !*leased) {
      ++run.failures;
      co_return;
    }
    Message answer;
    answer.content = "Paris is the capital of France. From here it is about four hundred kilometres as the crow flies.";
    answer.parts = {TextPart{answer.content}};
    answer.model = ModelInfo{"mock", "mock-1", false};
    auto finished =
        co_await run.storage.turns().finish((*leased)->turn.id, owner, TurnStatus::done, std::nullopt, answer);
    if (!finished) {
      ++run.failures;
      co_return;
    }
    run.millis.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
}

// A tool call's two rows.
Task<void> audit_client(Run& run, IdGenerator& ids) {
  while (std::chrono::steady_clock::now() < run.until) {
    AuditEntry entry;
    entry.call_id = ids.next();
    entry.principal = run.principal;
    entry.tool = "calculator";
    entry.arguments_sha256 = std::string(64, 'a');
    const auto start = std::chrono::steady_clock::now();
    auto begun = co_await run.storage.audit().begin(std::move(entry), false);
    if (!begun || !co_await run.storage.audit().finish(*begun, AuditOutcome::ok, "", Millis(1))) {
      ++run.failures;
      co_return;
    }
    run.millis.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
}

Task<void> all_audit(Loop& loop, Run& run, IdGenerator& ids, int clients) {
  Scope scope(loop.executor());
  for (int i = 0; i < clients; ++i) scope.spawn(audit_client(run, ids), "client");
  co_await scope.join();
  loop.stop();
}

Task<void> all(Loop& loop, Run& run, int clients) {
  Scope scope(loop.executor());
  for (int i = 0; i < clients; ++i) scope.spawn(client(run, i), "client");
  co_await scope.join();
  loop.stop();
}

Task<void> owner(Loop& loop, Storage& storage, Principal& out) {
  auto principal = co_await storage.identities().ensure_owner();
  if (principal) out = *principal;
  loop.stop();
}

void drive(Loop& loop, Task<void> task) {
  Scope scope(loop.executor());
  scope.spawn(std::move(task), "bench");
  loop.run();
  loop.context().restart();
  loop.poll();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  const std::string base = argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string();
  const double seconds = argc > 2 ? std::atof(argv[2]) : 3;
  const std::string folder = base + "/librebird-storage-bench";
  std::filesystem::remove_all(folder);
  Loop loop;
  SystemClock clock;
  SystemRandom random;
  IdGenerator ids(clock, random);
  const auto opening = std::chrono::steady_clock::now();
  std::filesystem::create_directories(folder);
  const auto options = [&folder] {
    StorageOptions made{.path = folder + "/librebird.db"};
    if (const char* url = std::getenv("DATABASE_URL"); url != nullptr) made.url = url;
    if (const char* pool = std::getenv("STORAGE_POOL"); pool != nullptr) made.connections = std::atoi(pool);
    if (auto keys = KeyRing::open({.file = folder + "/master.key"})) made.keys = *keys;
    return made;
  };
  auto storage = Storage::open(loop, clock, ids, options());
  if (!storage) {
    fmt::print(stderr, "{}\n", storage.error().message);
    return 1;
  }
  const auto opened = std::chrono::steady_clock::now();
  Principal principal;
  drive(loop, owner(loop, **storage, principal));
  std::string rows;
  for (const int clients : {1, 8, 32}) {
    Run run{**storage,
            principal,
            std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<int>(seconds * 1000)),
            {},
            0};
    const double cpu = cpu_seconds();
    const auto start = std::chrono::steady_clock::now();
    drive(loop, all(loop, run, clients));
    const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double used = cpu_seconds() - cpu;
    const auto turns = static_cast<double>(run.millis.size());
    const double p50 = percentile(run.millis, 0.5);
    const double p95 = percentile(run.millis, 0.95);
    rows += fmt::format(
        "{}\n  {{\"clients\": {}, \"turns_per_second\": {:.0f}, \"p50_ms\": {:.2f}, \"p95_ms\": {:.2f}, "
        "\"max_ms\": {:.1f}, \"cpu_us_per_turn\": {:.0f}, \"failures\": {}}}",
        rows.empty() ? "" : ",", clients, turns / wall, p50, p95, run.millis.empty() ? 0 : run.millis.back(),
        used / std::max(turns, 1.0) * 1e6, run.failures);
  }
  std::string audit_rows;
  for (const int clients : {1, 32}) {
    Run run{**storage,
            principal,
            std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<int>(seconds * 1000)),
            {},
            0};
    const double cpu = cpu_seconds();
    const auto start = std::chrono::steady_clock::now();
    drive(loop, all_audit(loop, run, ids, clients));
    const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double used = cpu_seconds() - cpu;
    const auto calls = static_cast<double>(run.millis.size());
    const double p50 = percentile(run.millis, 0.5);
    const double p95 = percentile(run.millis, 0.95);
    audit_rows += fmt::format(
        "{}\n  {{\"clients\": {}, \"calls_per_second\": {:.0f}, \"p50_ms\": {:.2f}, \"p95_ms\": {:.2f}, "
        "\"cpu_us_per_call\": {:.0f}, \"failures\": {}}}",
        audit_rows.empty() ? "" : ",", clients, calls / wall, p50, p95, used / std::max(calls, 1.0) * 1e6,
        run.failures);
  }
  storage->reset();
  const auto reopening = std::chrono::steady_clock::now();
  storage = Storage::open(loop, clock, ids, options());
  const auto reopened = std::chrono::steady_clock::now();
  fmt::print(
      "{{\"open_new_ms\": {:.2f}, \"open_existing_ms\": {:.2f}, \"database_mib\": {:.0f}, \"turns\": [{}], \"audit\": "
      "[{}]}}\n",
      std::chrono::duration<double, std::milli>(opened - opening).count(),
      std::chrono::duration<double, std::milli>(reopened - reopening).count(),
      options().url.empty() ? static_cast<double>(std::filesystem::file_size(folder + "/librebird.db")) / 1048576.0 : 0,
      rows, audit_rows);
  storage->reset();
  std::filesystem::remove_all(folder);
  return 0;
}
