// `librebird mcp`: the tools of this installation for an MCP client that starts us and talks over standard input and
// output, one message a line. Standard error is the log.
#include <librebird/base/async/scope.hpp>
#include <librebird/base/log.hpp>
#include <librebird/base/process/process.hpp>
#include <librebird/gateway/mcp_server.hpp>

#include <unistd.h>

#include "local_hands.hpp"

namespace librebird::apps {
namespace {

using gateway::McpAnswer;
using gateway::McpErrorCode;
using gateway::McpMessage;

constexpr std::size_t kMaxLine = 4 * 1024 * 1024;

class Conversation {
 public:
  Conversation(Platform& platform, HandsService& hands, Principal principal)
      : scope_(platform.loop.executor()),
        server_(hands, platform.ids, LIBREBIRD_VERSION),
        principal_(std::move(principal)) {}

  // Until standard input ends: then what still runs is killed.
  Task<void> run(Executor executor) {
    co_await read_pipe(executor, Fd(::dup(STDIN_FILENO)), [this](std::string_view text) { return take(text); });
    scope_.cancel();
    co_await scope_.join();
  }

 private:
  bool take(std::string_view text) {
    for (;;) {
      const std::size_t end = text.find('\n');
      line_.append(text.substr(0, end));
      if (line_.size() > kMaxLine) {
        say(gateway::mcp_error({}, McpErrorCode::invalid_request, "A message is longer than 4 MiB."));
        return false;
      }
      if (end == std::string_view::npos) return true;
      if (line_.find_first_not_of(" \t\r") != std::string::npos) begin(std::exchange(line_, {}));
      line_.clear();
      text.remove_prefix(end + 1);
    }
  }

  void begin(std::string line) {
    auto message = McpMessage::parse(line);
    if (!message) {
      const bool json = message.error().code != Code::invalid_argument;
      say(gateway::mcp_error({}, json ? McpErrorCode::invalid_request : McpErrorCode::parse_error,
                             message.error().message));
      return;
    }
    scope_.spawn(answer(std::move(*message)), "mcp message");
  }

  Task<void> answer(McpMessage message) {
    const gateway::McpServer::Notify notify = [](std::string text) { say(std::move(text)); };
    McpAnswer answer = co_await server_.answer(principal_, std::move(message), notify, scope_.token());
    if (!answer.body.empty()) say(std::move(answer.body));
  }

  // The client is the only one who waits here: it gets what it asked for as fast as it reads.
  static void say(std::string text) {
    text += '\n';
    std::string_view rest = text;
    while (!rest.empty()) {
      const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (written < 0 && errno != EINTR) return;
      if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  Scope scope_;
  gateway::McpServer server_;
  Principal principal_;
  std::string line_;
};

Task<int> converse(Platform& platform, HandsService& hands) {
  const auto owner = co_await platform.storage->identities().ensure_owner();
  if (!owner) co_return cli::fail(owner.error());
  Conversation conversation(platform, hands, *owner);
  co_await conversation.run(platform.loop.executor());
  co_return 0;
}

}  // namespace

int serve_mcp(const Flags& flags) {
  const log::Writer writer;
  return with_hands(flags, converse);
}

}  // namespace librebird::apps
