#include <librebird/skill.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>

namespace librebird {
namespace {

constexpr std::size_t kMaxLine = 16 << 20;
constexpr int kBrokenInput = 2;

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// What a handler printed is out before its last word: with that word the program may be ended.
void flush_prints() {
  std::cout.flush();
  std::fflush(stdout);
}

}  // namespace

// The protocol's two descriptors, moved away from standard input and output so that prints are log.
class Wire {
 public:
  Wire() : input_(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)), output_(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) {
    dup2(STDERR_FILENO, STDOUT_FILENO);
    // An input that has ended; there need not be a /dev/null.
    int empty[2];
    if (pipe(empty) != 0) return;
    dup2(empty[0], STDIN_FILENO);
    close(empty[0]);
    close(empty[1]);
  }

  void send(const Json& message) {
    std::string line = message.text() + '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t sent = write(output_, rest.data(), rest.size());
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) std::_Exit(0);  // nobody listens any more
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // The next message, or nothing at the end.
  std::optional<Json> next() {
    while (waiting_.empty()) {
      if (!read_more()) return std::nullopt;
    }
    Json message = std::move(waiting_.front());
    waiting_.pop_front();
    return message;
  }

  // Reads what is there already; whether the call is to be stopped.
  bool stopped(const std::string& id) {
    pollfd input{input_, POLLIN, 0};
    while (!ended_ && poll(&input, 1, 0) > 0 && read_more()) {
    }
    return std::ranges::any_of(waiting_, [&id](const Json& message) {
      return message["type"].text_or("") == "cancel" && message["id"].text_or("") == id;
    });
  }

 private:
  bool read_more() {
    if (ended_) return false;
    std::array<char, 64 * 1024> buffer;
    const ssize_t got = read(input_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) {
      ended_ = true;
      if (!pending_.empty()) take_line(std::exchange(pending_, {}));
      return !waiting_.empty();
    }
    pending_.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n', begin)) {
      take_line(std::string_view(pending_).substr(begin, end - begin));
      begin = end + 1;
    }
    pending_.erase(0, begin);
    if (pending_.size() > kMaxLine) std::_Exit(kBrokenInput);
    return true;
  }

  void take_line(std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    try {
      waiting_.push_back(Json::parse(line));
    } catch (const std::exception&) {
      std::_Exit(kBrokenInput);
    }
  }

  int input_;
  int output_;
  bool ended_ = false;
  std::string pending_;
  std::deque<Json> waiting_;
};

Call::Call(Wire& wire, const Json& message)
    : wire_(wire),
      id_(message["id"].text_or("")),
      settings_(message["settings"]),
      now_(message["now"].integer_or(0)),
      work_directory_(message["work_directory"].text_or("/work")) {
  const Json& zone = message["zone"];
  zone_ = {zone["name"].text_or("UTC"), zone["abbreviation"].text_or("UTC"),
           static_cast<int>(zone["offset_seconds"].integer_or(0))};
}

void Call::progress(double fraction, std::string_view message) {
  if (!std::isfinite(fraction)) return;
  Json progress = Json::object({{"type", "progress"}, {"id", id_}, {"fraction", std::clamp(fraction, 0.0, 1.0)}});
  if (!message.empty()) progress["message"] = message;
  wire_.send(progress);
}

void Call::output(std::string_view text) {
  wire_.send(Json::object({{"type", "output"}, {"id", id_}, {"text", text}}));
}

void Call::notify(const Json& data) {
  wire_.send(Json::object({{"type", "event"}, {"name", "notify"}, {"data", data}}));
}

bool Call::cancelled() { return wire_.stopped(id_); }

void Skill::tool(std::string name, std::string description, std::string_view parameters, Handler handler) {
  if (!is_tool_name(name)) {
    throw std::invalid_argument("A tool's name is 1 to 64 letters, digits, \"_\" or \"-\"; \"" + name + "\" is not.");
  }
  if (std::ranges::find(tools_, name, &Tool::name) != tools_.end()) {
    throw std::invalid_argument("Two tools of this skill are named " + name + ".");
  }
  Json schema = Json::parse(parameters);
  if (schema["type"].text_or("") != "object") {
    throw std::invalid_argument("The parameters of the tool " + name + " must be a JSON Schema of type \"object\".");
  }
  tools_.push_back({std::move(name), std::move(description), std::move(schema), std::move(handler)});
}

Json Skill::description() const {
  Json tools = Json::array();
  for (const Tool& tool : tools_) {
    tools.push_back(Json::object(
        {{"type", "function"},
         {"function",
          Json::object({{"name", tool.name}, {"description", tool.description}, {"parameters", tool.parameters}})}}));
  }
  return Json::object({{"type", "tools"}, {"tools", std::move(tools)}});
}

void Skill::serve(Wire& wire, const Json& message) const {
  const Json& id = message["id"];
  const auto fail = [&](std::string_view why) {
    flush_prints();
    wire.send(Json::object({{"type", "error"}, {"id", id}, {"message", why}}));
  };
  try {
    const std::string name = message["tool"].text_or("");
    const auto tool = std::ranges::find(tools_, name, &Tool::name);
    if (tool == tools_.end()) return fail("This skill has no tool named " + name + ".");
    Call call(wire, message);
    static const Json kNone = Json::object();
    const Json& arguments = message["arguments"];
    const Json value = tool->handler(arguments.is_object() ? arguments : kNone, call);
    flush_prints();
    wire.send(Json::object({{"type", "result"}, {"id", id}, {"value", value}}));
  } catch (const std::exception& thrown) {
    fail(thrown.what());
  } catch (...) {
    fail("The handler failed without saying why.");
  }
}

int Skill::run() {
  signal(SIGPIPE, SIG_IGN);
  Wire wire;
  wire.send(Json::object({{"type", "ready"}}));
  while (const auto message = wire.next()) {
    const std::string type = (*message)["type"].is_text() ? (*message)["type"].as_text() : "";
    if (type == "describe") wire.send(description());
    if (type == "call") serve(wire, *message);
  }
  return 0;
}

}  // namespace librebird
