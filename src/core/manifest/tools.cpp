#include "tools.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace librebird::manifest {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxTools = 128;
constexpr std::size_t kMaxDescription = 8 * 1024;
constexpr std::size_t kMaxParameters = 64 * 1024;

Status parse_function(const json::object& object, std::string path, bool described, ToolSpec& tool) {
  Fields fields(object, std::move(path));
  const json::value* name = fields.take("name");
  constexpr std::string_view kName = "letters, digits, _ and -, beginning with a letter or digit, at most 64";
  if (name == nullptr) return wrong(fields.at("name"), kName);
  if (!name->is_string() || !is_skill_name(name->as_string())) return wrong(fields.at("name"), kName, *name);
  tool.name = name->as_string();
  LB_TRY(description, fields.text("description", "", kMaxDescription, true));
  tool.description = std::move(description);
  LB_TRY(parameters, fields.object("parameters"));
  tool.parameters_json = R"({"type":"object","properties":{}})";
  if (parameters != nullptr) {
    const json::value* type = parameters->if_contains("type");
    if (type != nullptr && *type != "object") {
      return wrong(fields.at("parameters.type"), "\"object\": arguments are one object", *type);
    }
    tool.parameters_json = json::serialize(*parameters);
    if (tool.parameters_json.size() > kMaxParameters) {
      return wrong(fields.at("parameters"), fmt::format("at most {} bytes", kMaxParameters));
    }
  }
  (void)fields.take("strict");
  return described ? Status(Ok{}) : fields.done();
}

Status parse_network(Fields& fields, const ToolRules& rules, ToolSpec& tool) {
  if (!fields.has("network")) {
    tool.network = rules.granted.hosts;
    return Ok{};
  }
  LB_TRY(hosts, fields.texts("network", 64, 300));
  for (const std::string& host : hosts) {
    const bool free = rules.official && !rules.has_permissions;
    if (free ? !covers({host}, host) : !covers(rules.granted.hosts, host)) {
      return wrong(fields.at("network"),
                   fmt::format("hosts that the skill's permissions allow; \"{}\" is not among them (add \"network:{}\" "
                               "to `permissions`)",
                               host, host));
    }
  }
  tool.network = std::move(hosts);
  return Ok{};
}

Status parse_work(Fields& fields, const ToolRules& rules, ToolSpec& tool) {
  const json::value* value = fields.take("work");
  tool.work = rules.granted.work;
  if (value == nullptr) return Ok{};
  constexpr std::string_view kExpected = "\"none\", \"read\" or \"write\"";
  if (*value == "none")
    tool.work = WorkFolder::none;
  else if (*value == "read")
    tool.work = WorkFolder::read;
  else if (*value == "write")
    tool.work = WorkFolder::write;
  else
    return wrong(fields.at("work"), kExpected, *value);
  const bool free = rules.official && !rules.has_permissions;
  if (!free && tool.work > rules.granted.work) {
    return wrong(fields.at("work"), "no more than the skill's permissions allow (filesystem:read, filesystem:write)",
                 *value);
  }
  return Ok{};
}

Status parse_machine(Fields& fields, const ToolRules& rules, ToolSpec& tool) {
  const json::value* runs_on = fields.take("runs_on");
  if (runs_on != nullptr && *runs_on != "sandbox" && *runs_on != "device") {
    return wrong(fields.at("runs_on"), "\"sandbox\" or \"device\"", *runs_on);
  }
  tool.runs_on = runs_on != nullptr && *runs_on == "device" ? RunsOn::device : RunsOn::sandbox;
  LB_TRY(files, fields.texts("host_files", 16, 200));
  tool.host_files = std::move(files);
  if (!rules.official && (tool.runs_on == RunsOn::device || !tool.host_files.empty())) {
    return wrong(fields.at(tool.host_files.empty() ? "runs_on" : "host_files"),
                 "left out: only skills that come with Libre Bird touch the machine itself");
  }
  return Ok{};
}

Result<ToolSpec> parse_tool(const json::value& value, const std::string& path, const ToolRules& rules) {
  constexpr std::string_view kForm = "an object {\"type\": \"function\", \"function\": {…}}";
  if (!value.is_object()) return wrong(path, kForm, value);
  Fields fields(value.as_object(), path);
  const json::value* type = fields.take("type");
  if (type != nullptr && *type != "function") return wrong(fields.at("type"), "\"function\"", *type);
  LB_TRY(function, fields.object("function"));
  if (function == nullptr) return wrong(fields.at("function"), "an object with name, description and parameters");
  ToolSpec tool;
  tool.skill = rules.skill.name;
  LB_CHECK(parse_function(*function, path + ".function", rules.described, tool));
  if (rules.described) {
    tool.network = rules.granted.hosts;
    tool.work = rules.granted.work;
  } else {
    LB_CHECK(parse_network(fields, rules, tool));
    LB_CHECK(parse_work(fields, rules, tool));
    LB_CHECK(parse_machine(fields, rules, tool));
  }
  // Who says nothing about it is asked about whatever could be felt outside.
  const bool felt = !rules.official && (tool.work == WorkFolder::write || !tool.network.empty() || rules.skill.worker);
  if (rules.described) {
    tool.writes = felt;
    return tool;
  }
  LB_TRY(writes, fields.flag("writes", felt));
  tool.writes = writes;
  LB_TRY(spends, fields.flag("spends", false));
  tool.spends = spends;
  LB_TRY(idempotent, fields.flag("idempotent", false));
  tool.idempotent = idempotent;
  LB_CHECK(fields.done());
  return tool;
}

}  // namespace

Status parse_tools(const json::array& items, const ToolRules& rules, std::vector<ToolSpec>& tools) {
  if (items.size() > kMaxTools) return wrong("tools", fmt::format("at most {} tools", kMaxTools));
  for (std::size_t i = 0; i < items.size(); ++i) {
    LB_TRY(tool, parse_tool(items[i], fmt::format("tools[{}]", i), rules));
    if (std::ranges::find(tools, tool.name, &ToolSpec::name) != tools.end()) {
      return wrong(fmt::format("tools[{}].function.name", i), fmt::format("unique; \"{}\" is there twice", tool.name));
    }
    tools.push_back(std::move(tool));
  }
  return Ok{};
}

}  // namespace librebird::manifest
