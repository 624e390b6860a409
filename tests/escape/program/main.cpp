// escape-program: carries out one attack when it is told to.
//
//   escape-program --list                       every attack, a line each: name, tab, what it tries
//   escape-program --once NAME '{"fact":"..."}'  one attack; one JSON object on standard output
//   escape-program --mcp                        a server of the Model Context Protocol with the tool `attack_mcp`
//   escape-program                              the tool protocol (docs/tool-protocol.md): the tool `attack`
//
// Statically linked, so that it runs in every sandbox.
#include "attack.hpp"

#include <boost/json/src.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

namespace escape {

std::string fact(const Facts& facts, std::string_view name) {
  const auto found = facts.find(name);
  return found == facts.end() ? std::string() : found->second;
}

std::string reason() { return std::strerror(errno); }

std::string read_start(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, 4096> buffer{};
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string();
}

bool can_write(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  ::close(fd);
  return true;
}

namespace {

namespace json = boost::json;

constexpr std::array kGroups = {file_attacks,    kernel_attacks, process_attacks,
                                network_attacks, flood_attacks,  secret_attacks};

const Attack* find(std::string_view name) {
  for (const auto group : kGroups) {
    for (const Attack& attack : group()) {
      if (attack.name == name) return &attack;
    }
  }
  return nullptr;
}

Facts facts_of(const json::value& value) {
  Facts facts;
  if (!value.is_object()) return facts;
  for (const auto& [key, item] : value.as_object()) {
    if (item.is_string()) facts.emplace(key, item.as_string());
  }
  return facts;
}

json::object carry_out(std::string_view name, const Facts& facts) {
  const Attack* attack = find(name);
  if (attack == nullptr) return {{"attack", name}, {"unknown", true}};
  const Finding finding = attack->run(facts);
  return {{"attack", name}, {"breached", finding.breached}, {"detail", finding.detail}};
}

void say(const json::value& value) {
  const std::string line = json::serialize(value) + "\n";
  (void)!::write(STDOUT_FILENO, line.data(), line.size());
}

void serve() {
  const json::value tools = json::parse(
      R"([{"type":"function","function":{"name":"attack","description":"Attack the sandbox.","parameters":{"type":"object",
          "properties":{"attack":{"type":"string"},"facts":{"type":"object"}},"required":["attack"]}}}])");
  for (std::string line; std::getline(std::cin, line);) {
    boost::system::error_code error;
    const json::value message = json::parse(line, error);
    if (error || !message.is_object()) continue;
    const json::object& object = message.as_object();
    const json::string type = object.contains("type") ? object.at("type").as_string() : json::string();
    if (type == "describe") say({{"type", "tools"}, {"tools", tools}});
    if (type != "call") continue;
    const json::object& arguments = object.at("arguments").as_object();
    const Facts facts = arguments.contains("facts") ? facts_of(arguments.at("facts")) : Facts{};
    const json::object found = carry_out(arguments.at("attack").as_string(), facts);
    say({{"type", "result"}, {"id", object.at("id")}, {"value", found}});
  }
}

// Just enough of the protocol (revision 2025-11-25, stdio) for a client to list and call the tool.
void serve_mcp() {
  const json::value tools = json::parse(
      R"([{"name":"attack_mcp","description":"Attack the sandbox.","inputSchema":{"type":"object",
          "properties":{"attack":{"type":"string"},"facts":{"type":"object"}},"required":["attack"]}}])");
  for (std::string line; std::getline(std::cin, line);) {
    boost::system::error_code error;
    const json::value message = json::parse(line, error);
    if (error || !message.is_object() || !message.as_object().contains("id")) continue;
    const json::object& object = message.as_object();
    const json::string method = object.contains("method") ? object.at("method").as_string() : json::string();
    json::object answer{{"jsonrpc", "2.0"}, {"id", object.at("id")}};
    if (method == "initialize") {
      answer["result"] = {{"protocolVersion", "2025-11-25"},
                          {"capabilities", {{"tools", json::object{}}}},
                          {"serverInfo", {{"name", "escape"}, {"version", "1"}}}};
    } else if (method == "tools/list") {
      answer["result"] = {{"tools", tools}};
    } else if (method == "tools/call") {
      const json::object& arguments = object.at("params").at("arguments").as_object();
      const Facts facts = arguments.contains("facts") ? facts_of(arguments.at("facts")) : Facts{};
      const json::object found = carry_out(arguments.at("attack").as_string(), facts);
      answer["result"] = {{"content", json::array{{{"type", "text"}, {"text", json::serialize(found)}}}},
                          {"structuredContent", found}};
    } else {
      answer["error"] = {{"code", -32601}, {"message", "no such method"}};
    }
    say(answer);
  }
}

}  // namespace
}  // namespace escape

int main(int count, char** arguments) {
  const std::string_view mode = count > 1 ? arguments[1] : "";
  if (mode == "--list") {
    for (const auto group : escape::kGroups) {
      for (const escape::Attack& attack : group()) {
        std::printf("%.*s\t%.*s\n", static_cast<int>(attack.name.size()), attack.name.data(),
                    static_cast<int>(attack.about.size()), attack.about.data());
      }
    }
    return 0;
  }
  if (mode == "--once" && count > 2) {
    boost::system::error_code error;
    const boost::json::value facts = boost::json::parse(count > 3 ? arguments[3] : "{}", error);
    escape::say(escape::carry_out(arguments[2], escape::facts_of(facts)));
    return 0;
  }
  if (mode == "--mcp") {
    escape::serve_mcp();
  } else {
    escape::serve();
  }
  return 0;
}
