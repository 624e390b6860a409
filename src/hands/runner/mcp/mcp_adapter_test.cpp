#include "mcp_adapter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace librebird::runner {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Ended {
  int status = 0;
  std::string output;
};

// Runs the adapter with `words` in a child, writes `input` and closes it; a minute at most.
Ended run(std::vector<std::string> words, const std::string& input) {
  int in[2];
  int out[2];
  EXPECT_EQ(pipe(in), 0);
  EXPECT_EQ(pipe(out), 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    dup2(in[0], 0);
    dup2(out[1], 1);
    for (const int fd : {in[0], in[1], out[0], out[1]}) close(fd);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    _exit(run_mcp_adapter(arguments));
  }
  close(in[0]);
  close(out[1]);
  EXPECT_EQ(write(in[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  close(in[1]);
  Ended ended;
  std::array<char, 4096> buffer;
  for (ssize_t got = 0; (got = read(out[0], buffer.data(), buffer.size())) > 0;) {
    ended.output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(out[0]);
  waitpid(child, &ended.status, 0);
  return ended;
}

// A server that greets, lists the tool "say" and answers each call with what `answer` prints.
std::vector<std::string> server(const std::string& answer, bool settings = false) {
  const std::string script = R"sh(
read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}}'
read line
read line; echo '{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"say"}]}}'
while read line; do )sh" + answer +
                             "; done";
  std::vector<std::string> words;
  if (settings) words.emplace_back("--settings");
  for (const std::string& word : {std::string("--"), std::string("/bin/sh"), std::string("-c"), script})
    words.push_back(word);
  return words;
}

constexpr const char* kCall = R"({"type":"call","id":"c1","tool":"say","arguments":{},"settings":{"WHO":"me"}})"
                              "\n";
constexpr const char* kAnswer =
    R"(echo '{"jsonrpc":"2.0","id":3,"result":{"content":[{"type":"text","text":"'"hi $WHO"'"}]}}')";

TEST(McpAdapter, CarriesACall) {
  const Ended ended = run(server(kAnswer), kCall);
  EXPECT_EQ(ended.output, "{\"type\":\"ready\"}\n{\"type\":\"result\",\"id\":\"c1\",\"value\":\"hi \"}\n");
  EXPECT_EQ(ended.status, 0);
}

TEST(McpAdapter, GivesSettingsAsEnvironmentWhereTheyAreWanted) {
  EXPECT_THAT(run(server(kAnswer, true), kCall).output, HasSubstr(R"("value":"hi me")"));
}

TEST(McpAdapter, DescribesWithAndWithoutSettings) {
  for (const bool settings : {false, true}) {
    const Ended ended = run(server(kAnswer, settings), "{\"type\":\"describe\"}\n");
    EXPECT_THAT(ended.output, HasSubstr(R"("name":"say")"));
    EXPECT_EQ(ended.status, 0);
  }
}

TEST(McpAdapter, EndsWhenNothingIsAsked) {
  EXPECT_EQ(run(server(kAnswer), "").status, 0);
  EXPECT_EQ(run(server(kAnswer, true), "").status, 0);
  // A server that does not care about the end of its input.
  EXPECT_EQ(run({"--", "/bin/sleep", "600"}, "").status, 0);
}

TEST(McpAdapter, AMissingServerIsAnErrorThatNamesIt) {
  EXPECT_THAT(run({"--", "/no/such/server"}, kCall).output,
              HasSubstr("/no/such/server cannot be started: No such file"));
}

TEST(McpAdapter, AServerThatEndsIsAnErrorWithItsCode) {
  EXPECT_THAT(run({"--", "/bin/sh", "-c", "exit 3"}, kCall).output, HasSubstr("ended with code 3 before it answered"));
  EXPECT_THAT(run({"--", "/bin/sh", "-c", "kill -9 $$"}, kCall).output,
              HasSubstr("ended by signal 9 before it answered"));
  EXPECT_THAT(run(server("exit 4"), kCall).output, HasSubstr("ended with code 4 before it answered"));
  EXPECT_THAT(run({"--", "/bin/sh", "-c", "exec >&-; exec sleep 600"}, kCall).output, HasSubstr("closed its output"));
}

TEST(McpAdapter, ALineWithoutEndIsCutOff) {
  const Ended ended = run({"--", "/bin/sh", "-c", "cat /dev/zero"}, kCall);
  EXPECT_THAT(ended.output, HasSubstr("\"type\":\"error\""));
}

TEST(McpAdapter, LargeArgumentsAndAnswersPass) {
  const std::string large(3'000'000, 'x');
  const Ended ended = run(
      server(R"(printf '{"jsonrpc":"2.0","id":3,"result":{"content":[{"type":"text","text":"%s"}]}}\n' "${#line}")"),
      R"({"type":"call","id":"c1","tool":"say","arguments":{"text":")" + large + "\"}}\n");
  EXPECT_THAT(ended.output, HasSubstr(R"("value":"3000)"));
}

TEST(McpAdapter, WrongWordsAreRefused) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"--"},
                                                {"--settings"},
                                                {"--settings", "--"},
                                                {"server"},
                                                {"--path"},
                                                {"--path", "/x", "--"},
                                                {"--other", "--", "/bin/true"}}) {
    EXPECT_EQ(WEXITSTATUS(run(words, "").status), 64);
  }
}

TEST(McpAdapter, LooksForProgramsWhereItIsTold) {
  const Ended ended = run({"--path", "/no/such:/usr/bin", "--", "env", "sh", "-c", "echo $PATH >&2; exit 5"}, kCall);
  EXPECT_THAT(ended.output, HasSubstr("ended with code 5"));
}

TEST(McpAdapter, BrokenLinesOfTheHostEndIt) { EXPECT_EQ(WEXITSTATUS(run(server(kAnswer), "no json\n").status), 2); }

}  // namespace
}  // namespace librebird::runner
