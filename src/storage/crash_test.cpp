// A child process writes as fast as it can and is killed at a random moment; whatever it had acknowledged must be
// there, whole, and the file sound.
#include "sqlite_fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <random>
#include <thread>

namespace librebird::testkit {
namespace {

using namespace std::chrono_literals;

// One fixed-size record a turn that was finished: the turn's id.
constexpr std::size_t kRecord = 36;

Task<void> write_for_ever(Storage& storage, Principal owner, int report) {
  auto conversation = co_await storage.conversations().create(owner, "");
  if (!conversation) co_return;
  for (int i = 0;; ++i) {
    auto accepted = co_await storage.turns().accept(
        owner, {conversation->id, "question " + std::to_string(i), conversation->id + std::to_string(i)});
    auto leased = co_await storage.turns().lease(conversation->id, "child", Millis(30'000), 20);
    if (!accepted || !leased || !*leased) co_return;
    const std::string turn = accepted->turn.id;
    if (!co_await storage.turns().append_step(turn, "child", {0, ModelAnswer{"answer", {}, {}, {}, {}}})) co_return;
    Message answer;
    answer.content = "answer";
    answer.parts = {TextPart{"answer"}};
    if (!co_await storage.turns().finish(turn, "child", TurnStatus::done, std::nullopt, answer)) co_return;
    if (::write(report, turn.data(), kRecord) != static_cast<ssize_t>(kRecord)) co_return;
  }
}

[[noreturn]] void child(const std::string& path, int report) {
  {
    LoopRunner runner;
    SystemClock clock;
    SystemRandom random;
    IdGenerator ids(clock, random);
    auto storage = Storage::open(runner.loop(), clock, ids, {.path = path});
    if (!storage) ::_exit(2);
    auto owner = runner.run((*storage)->identities().ensure_owner());
    if (!owner) ::_exit(3);
    Scope scope(runner.loop().executor());
    for (int i = 0; i < 8; ++i) scope.spawn(write_for_ever(**storage, *owner, report), "writer");
    runner.loop().run();
  }
  ::_exit(4);
}

TEST(Crash, NothingAcknowledgedIsLost) {
  constexpr int kRounds = 24;
  TemporaryFolder folder;
  std::mt19937 random(std::random_device{}());
  std::vector<std::string> acknowledged;
  for (int round = 0; round < kRounds; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      ::close(ends[0]);
      child(folder.database(), ends[1]);
    }
    ::close(ends[1]);
    char record[kRecord];
    std::size_t filled = 0;
    // The moment is random: after some acknowledgements, and a little later still.
    const std::size_t enough = acknowledged.size() + random() % 60 + 1;
    const auto read_some = [&] {
      const ssize_t got = ::read(ends[0], record + filled, kRecord - filled);
      if (got <= 0) return false;
      filled += static_cast<std::size_t>(got);
      if (filled == kRecord) {
        acknowledged.emplace_back(record, kRecord);
        filled = 0;
      }
      return true;
    };
    while (acknowledged.size() < enough && read_some()) {
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
    ::kill(pid, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
    while (read_some()) {
    }
    ::close(ends[0]);
  }

  LoopRunner runner;
  SystemClock clock;
  SystemRandom source;
  IdGenerator ids(clock, source);
  auto storage = Storage::open(runner.loop(), clock, ids, {.path = folder.database()});
  ASSERT_TRUE(storage.ok()) << storage.error().message;
  EXPECT_TRUE((*storage)->check().ok());
  const Principal owner = runner.run((*storage)->identities().ensure_owner()).value();
  ASSERT_GE(acknowledged.size(), static_cast<std::size_t>(kRounds));
  for (const std::string& id : acknowledged) {
    const auto turn = runner.run((*storage)->turns().get(owner, id));
    ASSERT_TRUE(turn.ok()) << "lost " << id;
    EXPECT_EQ(turn->status, TurnStatus::done);
  }
  RawDatabase raw(folder.database());
  EXPECT_EQ(raw.run("SELECT COUNT(*) FROM users"), "1");
  EXPECT_EQ(
      raw.run("SELECT COUNT(*) FROM turns t WHERE status = 'done' AND 1 <> (SELECT COUNT(*) FROM messages m WHERE "
              "m.turn_id = t.id AND m.role = 'assistant')"),
      "0");
  EXPECT_EQ(
      raw.run(
          "SELECT COUNT(*) FROM turns t WHERE next_step <> (SELECT COUNT(*) FROM turn_steps s WHERE s.turn_id = t.id)"),
      "0");
  // The search index goes on where the crash left it.
  EXPECT_FALSE(runner.run((*storage)->messages().search(owner, "question", 5)).value().empty());
  EXPECT_EQ(raw.run("SELECT (SELECT indexed_seq FROM search_state) = (SELECT MAX(seq) FROM messages)"), "1");
}

}  // namespace
}  // namespace librebird::testkit
