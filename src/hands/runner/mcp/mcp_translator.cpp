#include "mcp_translator.hpp"

#include "mcp_content.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cctype>
#include <exception>
#include <optional>
#include <set>
#include <utility>

namespace librebird::runner {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxPages = 100;
constexpr std::size_t kMaxTools = 1000;
constexpr std::size_t kMaxNameLength = 64;
constexpr const char* kVersion = "2025-06-18";
// Editions whose lifecycle and tools are the same for what is used here.
constexpr std::string_view kKnownVersions[] = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"};
constexpr int kMethodNotFound = -32601;

std::string_view text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->as_string()) : std::string_view();
}

const json::object* object_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

std::optional<double> number_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

// Function names of models: letters, digits, "_" and "-", at most 64.
std::string plain_name(std::string_view name) {
  std::string plain(name.substr(0, kMaxNameLength));
  for (char& c : plain) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') c = '_';
  }
  return plain;
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 && !name.starts_with("LD_") &&
         std::ranges::all_of(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
}

}  // namespace

struct McpTranslator::Impl {
  enum class Phase { waiting, initializing, listing, ready, failed };
  enum class Asked { initialize, tools, call };
  struct Request {
    Asked what;
    std::string call;  // the host's id
  };

  Phase phase = Phase::waiting;
  std::string failure;
  std::int64_t last_request = 0;
  std::map<std::int64_t, Request> requests;
  std::vector<json::object> held;           // from the host, until the server is ready
  json::array tools;                        // as the host wants them
  std::map<std::string, std::string, std::less<>> names;  // ours → the server's
  std::size_t pages = 0;
  bool settings_known = false;
  std::vector<std::string> environment;
  std::string for_host;
  std::string for_server;
  std::string log;
  int broken = 0;

  void tell_host(const json::object& message) { write_json(for_host, message), for_host += '\n'; }
  void tell_server(json::object message) {
    message["jsonrpc"] = "2.0";
    write_json(for_server, message);
    for_server += '\n';
  }

  std::int64_t ask(std::string_view method, json::object params, Request request) {
    const std::int64_t id = ++last_request;
    requests.emplace(id, std::move(request));
    tell_server({{"id", id}, {"method", method}, {"params", std::move(params)}});
    return id;
  }

  void fail_call(std::string_view id, std::string_view why) {
    tell_host({{"type", "error"}, {"id", id}, {"message", why}});
  }

  void fail(std::string_view why) {
    if (phase == Phase::failed) return;
    phase = Phase::failed;
    failure = why;
    for (const auto& [number, request] : std::exchange(requests, {})) {
      if (request.what == Asked::call) fail_call(request.call, failure);
    }
    for (const json::object& message : std::exchange(held, {})) serve(message);
  }

  // ---- From the host --------------------------------------------------------------------------------------------

  void serve(const json::object& message) {
    const std::string_view type = text_of(message, "type");
    if (phase == Phase::failed) {
      if (type == "call") fail_call(text_of(message, "id"), failure);
      if (type == "describe") {
        tell_host({{"type", "error"}, {"message", failure}});
        broken = 1;
      }
    } else if (type == "describe") {
      tell_host({{"type", "tools"}, {"tools", tools}});
    } else {
      call(message);
    }
  }

  void call(const json::object& message) {
    const std::string_view id = text_of(message, "id");
    const auto name = names.find(text_of(message, "tool"));
    if (name == names.end()) {
      fail_call(id, "The MCP server has no tool named " + std::string(text_of(message, "tool")) + ".");
      return;
    }
    const json::object* arguments = object_of(message, "arguments");
    const std::int64_t token = last_request + 1;
    ask("tools/call",
        {{"name", name->second},
         {"arguments", arguments != nullptr ? *arguments : json::object()},
         {"_meta", {{"progressToken", token}}}},
        {Asked::call, std::string(id)});
  }

  void learn_settings(const json::object& message) {
    if (std::exchange(settings_known, true)) return;
    const json::object* settings = object_of(message, "settings");
    if (settings == nullptr) return;
    for (const auto& [name, value] : *settings) {
      if (!is_variable_name(name) || value.is_null() || value.is_structured()) continue;
      std::string text(name);
      text += '=';
      if (value.is_string()) {
        text += std::string_view(value.as_string());
      } else {
        write_json(text, value);
      }
      if (text.find('\0') == std::string::npos) environment.push_back(std::move(text));
    }
  }

  void cancel(std::string_view id) {
    for (auto entry = requests.begin(); entry != requests.end(); ++entry) {
      if (entry->second.what != Asked::call || entry->second.call != id) continue;
      tell_server({{"method", "notifications/cancelled"},
                   {"params", {{"requestId", entry->first}, {"reason", "The user stopped the call."}}}});
      requests.erase(entry);
      fail_call(id, "The call was stopped.");
      return;
    }
    const auto waits =
        std::ranges::find_if(held, [id](const json::object& message) { return text_of(message, "id") == id; });
    if (waits == held.end()) return;
    held.erase(waits);
    fail_call(id, "The call was stopped.");
  }

  // ---- From the server ------------------------------------------------------------------------------------------

  void answer(std::int64_t id, const json::object& message) {
    const auto found = requests.find(id);
    if (found == requests.end()) return;  // of a call that was stopped
    const Request request = std::move(found->second);
    requests.erase(found);
    const json::object* result = object_of(message, "result");
    const json::object* error = object_of(message, "error");
    if (result == nullptr) {
      const std::string_view said = error != nullptr ? text_of(*error, "message") : std::string_view();
      const std::string why =
          said.empty() ? "The MCP server answered with neither a result nor an error." : std::string(said);
      if (request.what == Asked::call) {
        fail_call(request.call, why);
      } else {
        fail("The MCP server cannot be used: " + why);
      }
      return;
    }
    switch (request.what) {
      case Asked::initialize: initialized(*result); break;
      case Asked::tools: listed(*result); break;
      case Asked::call: finished(request.call, *result); break;
    }
  }

  void initialized(const json::object& result) {
    const std::string_view version = text_of(result, "protocolVersion");
    if (std::ranges::find(kKnownVersions, version) == std::end(kKnownVersions)) {
      return fail("The MCP server speaks an edition of the protocol that is not known here: " + std::string(version));
    }
    tell_server({{"method", "notifications/initialized"}});
    phase = Phase::listing;
    const json::object* capabilities = object_of(result, "capabilities");
    if (capabilities == nullptr || !capabilities->contains("tools")) return all_listed();
    ask("tools/list", {}, {Asked::tools, {}});
  }

  void add_tool(const json::object& tool) {
    const std::string_view name = text_of(tool, "name");
    if (name.empty() || tools.size() >= kMaxTools) return;
    std::string ours = plain_name(name);
    if (!names.emplace(ours, name).second) return;  // the first of a name counts
    const json::object* schema = object_of(tool, "inputSchema");
    const json::object* annotations = object_of(tool, "annotations");
    const std::string_view description = text_of(tool, "description");
    json::object entry{{"type", "function"},
                       {"function",
                        {{"name", ours},
                         {"description", description.empty() ? text_of(tool, "title") : description},
                         {"parameters", schema != nullptr ? *schema : json::object{{"type", "object"}}}}}};
    if (annotations != nullptr) entry["annotations"] = *annotations;
    tools.emplace_back(std::move(entry));
  }

  void listed(const json::object& result) {
    if (const json::value* page = result.if_contains("tools"); page != nullptr && page->is_array()) {
      for (const json::value& tool : page->get_array()) {
        if (tool.is_object()) add_tool(tool.get_object());
      }
    }
    const std::string_view next = text_of(result, "nextCursor");
    if (next.empty() || ++pages >= kMaxPages || tools.size() >= kMaxTools) return all_listed();
    ask("tools/list", {{"cursor", next}}, {Asked::tools, {}});
  }

  void all_listed() {
    phase = Phase::ready;
    tell_host({{"type", "ready"}});
    for (const json::object& message : std::exchange(held, {})) serve(message);
  }

  void finished(const std::string& call, const json::object& result) {
    const CallOutcome outcome = outcome_of(result);
    if (outcome.failed) return fail_call(call, outcome.message);
    tell_host({{"type", "result"}, {"id", call}, {"value", outcome.value}});
  }

  void notified(std::string_view method, const json::object* params) {
    if (params == nullptr) return;
    if (method == "notifications/progress") {
      const std::optional<double> token = number_of(*params, "progressToken");
      const auto request = token ? requests.find(static_cast<std::int64_t>(*token)) : requests.end();
      if (request == requests.end() || request->second.what != Asked::call) return;
      json::object progress{{"type", "progress"}, {"id", request->second.call}};
      const std::optional<double> done = number_of(*params, "progress");
      const std::optional<double> total = number_of(*params, "total");
      // Without a total it is a count, not a part.
      if (done && total && *total > 0) progress["fraction"] = std::clamp(*done / *total, 0.0, 1.0);
      if (const std::string_view text = text_of(*params, "message"); !text.empty()) progress["message"] = text;
      if (progress.size() > 2) tell_host(progress);
    } else if (method == "notifications/message") {
      std::string text;
      if (const json::value* data = params->if_contains("data"); data == nullptr || data->is_null()) {
        return;
      } else if (data->is_string()) {
        text = std::string_view(data->get_string());
      } else {
        write_json(text, *data);
      }
      text += '\n';
      for (const auto& [number, request] : requests) {
        if (request.what == Asked::call) tell_host({{"type", "output"}, {"id", request.call}, {"text", text}});
      }
    }
  }

  void asked(const json::value& id, std::string_view method) {
    if (method == "ping") return tell_server({{"id", id}, {"result", json::object()}});
    tell_server(
        {{"id", id},
         {"error", {{"code", kMethodNotFound}, {"message", "This client offers no " + std::string(method) + "."}}}});
  }

  void receive(const json::object& message) {
    const std::string_view method = text_of(message, "method");
    const json::value* id = message.if_contains("id");
    if (!method.empty()) {
      if (id != nullptr) return asked(*id, method);
      return notified(method, object_of(message, "params"));
    }
    if (id != nullptr && id->is_int64()) answer(id->get_int64(), message);
  }

  static std::optional<json::value> parse(std::string_view line) {
    boost::system::error_code error;
    json::parse_options options;
    options.max_depth = 128;
    json::value value = json::parse({line.data(), line.size()}, error, {}, options);
    if (error) return std::nullopt;
    return value;
  }
};

McpTranslator::McpTranslator() : impl_(std::make_unique<Impl>()) {}
McpTranslator::~McpTranslator() = default;

void McpTranslator::begin() {
  if (impl_->phase != Impl::Phase::waiting) return;
  impl_->phase = Impl::Phase::initializing;
  impl_->ask("initialize",
             {{"protocolVersion", kVersion},
              {"capabilities", json::object()},
              {"clientInfo", {{"name", "librebird"}, {"version", "1"}}}},
             {Impl::Asked::initialize, {}});
}

void McpTranslator::from_host(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  try {
    const auto message = Impl::parse(line);
    if (!message || !message->is_object()) {
      impl_->broken = 2;
      return;
    }
    const json::object& object = message->get_object();
    const std::string_view type = text_of(object, "type");
    if (type == "cancel") return impl_->cancel(text_of(object, "id"));
    if (type != "call" && type != "describe") return;
    if (type == "call" || object.contains("settings")) impl_->learn_settings(object);
    if (impl_->phase == Impl::Phase::ready || impl_->phase == Impl::Phase::failed) return impl_->serve(object);
    impl_->held.push_back(object);
  } catch (const std::exception&) {
    impl_->broken = 3;  // out of memory
  }
}

void McpTranslator::from_server(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  try {
    const auto message = Impl::parse(line);
    if (message && message->is_object()) return impl_->receive(message->get_object());
    if (message && message->is_array()) {  // a batch, as the edition 2025-03-26 had them
      for (const json::value& one : message->get_array()) {
        if (one.is_object()) impl_->receive(one.get_object());
      }
      return;
    }
    impl_->log.append(line).push_back('\n');
  } catch (const std::exception&) {
    impl_->broken = 3;
  }
}

void McpTranslator::server_failed(std::string_view why) {
  try {
    impl_->fail(why);
  } catch (const std::exception&) {
    impl_->broken = 3;
  }
}

std::string McpTranslator::take_for_host() { return std::exchange(impl_->for_host, {}); }
std::string McpTranslator::take_for_server() { return std::exchange(impl_->for_server, {}); }
std::string McpTranslator::take_log() { return std::exchange(impl_->log, {}); }

bool McpTranslator::busy() const {
  const auto is_call = [](const auto& entry) { return entry.second.what == Impl::Asked::call; };
  return !impl_->held.empty() || std::ranges::any_of(impl_->requests, is_call);
}

int McpTranslator::broken() const { return impl_->broken; }
const std::vector<std::string>& McpTranslator::environment() const { return impl_->environment; }

}  // namespace librebird::runner
