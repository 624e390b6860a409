#include "server_command.hpp"

#include <librebird/hands/node/node_programs.hpp>

#include <boost/json.hpp>

#include <fmt/format.h>

#include <string_view>

namespace librebird::plugins::mcp {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxManifest = 1 << 20;

Error no_program(const std::string& package, std::string_view why) {
  return make_error(Code::failed_precondition, fmt::format("The npm package {} {}.", package, why));
}

// The program of a package that npx would start: the one named like the package, or the only one.
Result<std::string> program_of(const std::string& package, const std::string& env_directory) {
  const std::string name(hands::node::package_name(package));
  const auto text = hands::node::read_plain(env_directory, "node_modules/" + name + "/package.json", kMaxManifest);
  if (!text) return no_program(name, "is not installed; install the skill again");
  boost::system::error_code error;
  const json::value manifest = json::parse(*text, error);
  const json::value* programs = !error && manifest.is_object() ? manifest.get_object().if_contains("bin") : nullptr;
  const json::value* path = programs;
  if (programs != nullptr && programs->is_object()) {
    const json::object& named = programs->get_object();
    path = named.if_contains(name.substr(name.rfind('/') + 1));
    if (path == nullptr && named.size() == 1) path = &named.begin()->value();
  }
  if (path == nullptr || !path->is_string()) return no_program(name, "has no program of its own to start");
  std::string_view relative = path->get_string();
  while (relative.starts_with("./")) relative.remove_prefix(2);
  if (relative.starts_with('/') || relative.find("..") != std::string_view::npos) {
    return no_program(name, "names a program outside itself");
  }
  return fmt::format("{}/{}/{}", hands::node::kModules, name, relative);
}

}  // namespace

Result<ServerCommand> read_command(const SkillManifest& skill) {
  if (skill.command.empty() || skill.command.front().empty()) {
    return make_error(Code::invalid_argument,
                      R"(An MCP skill needs a "command", as ["npx", "-y", "@scope/server@1.2.3"].)");
  }
  ServerCommand command;
  if (skill.command.front() != "npx") {
    command.argv = skill.command;
    return command;
  }
  std::size_t at = 1;
  while (at < skill.command.size() && (skill.command[at] == "-y" || skill.command[at] == "--yes")) ++at;
  if (at == skill.command.size() || !hands::node::is_package(skill.command[at])) {
    return make_error(Code::invalid_argument,
                      "The command must name an npm package behind npx, as npx -y @scope/server@1.2.3; other forms of "
                      "npx are not known here.");
  }
  command.package = skill.command[at];
  command.argv.assign(skill.command.begin() + static_cast<std::ptrdiff_t>(at) + 1, skill.command.end());
  return command;
}

Result<std::vector<std::string>> server_argv(const ServerCommand& command, const std::string& env_directory,
                                             const std::string& node) {
  std::vector<std::string> argv = command.argv;
  if (!command.package.empty()) {
    LB_TRY(program, program_of(command.package, env_directory));
    argv.insert(argv.begin(), {node, program});
    return argv;
  }
  std::string& program = argv.front();
  if (program == "node") {
    program = node;
  } else if (program.find('/') != std::string::npos && !program.starts_with('/')) {
    program = fmt::format("{}/{}", hands::node::kSkill, program);
  }
  return argv;
}

}  // namespace librebird::plugins::mcp
