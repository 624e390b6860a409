#include <librebird/brain/brain.hpp>

#include <librebird/base/log.hpp>
#include <librebird/brain/loop/turn_runner.hpp>
#include <librebird/brain/memory/recall.hpp>
#include <librebird/core/policy/permissions.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace librebird::brain {
namespace {

constexpr std::string_view kModelKey = "model";

struct Entry {
  std::string name;
  Result<std::unique_ptr<ChatProvider>> provider;
};

struct Chosen {
  ChatProvider* provider;
  ModelInfo model;
};

loop::LoopOptions loop_options(const BrainOptions& options) {
  return {options.system_prompt,  options.step_limit,        options.turn_limit,
          options.parallel_tools, options.tool_result_limit, options.context_limit,
          options.model_attempts, options.retry_delay,       options.retry_wait_limit};
}

class Brain final : public BrainService {
 public:
  Brain(Loop& loop, const Config& config, const Clock& clock, IdGenerator& ids, HttpClient& http, HandsService& hands,
        MessageStore* messages, BrainOptions options, std::vector<ProviderPlugin> plugins)
      : services_{loop.executor(), clock, ids, hands},
        messages_(messages),
        options_(std::move(options)),
        loop_options_(loop_options(options_)) {
    const ProviderContext context{config, http, clock};
    for (ProviderPlugin& plugin : plugins) entries_.push_back({plugin.manifest.name, plugin.create(context)});
  }

  Task<Result<ChatOutcome>> stream_chat(ChatRequest request, ChatObserver& observer, std::stop_token stop) override {
    LB_CO_CHECK(policy::require(request.principal, policy::Permission::chat));
    LB_CO_TRY(chosen, choose(request.model));
    auto outcome = co_await loop::run_turn(services_, loop_options_, *chosen.provider, std::move(chosen.model),
                                           std::move(request), observer, std::move(stop));
    // What could be tried again was, here. To the caller a retryable error means that the brain itself was lost.
    if (outcome) co_return outcome;
    Error error = std::move(outcome).error();
    error.retryable = false;
    co_return error;
  }

  Task<Result<ToolResult>> execute_tool(ToolRequest request, std::stop_token stop) override {
    return services_.hands.execute_tool(std::move(request), ToolObserver{}, std::move(stop));
  }

  Task<Result<std::vector<MemoryItem>>> get_memory(MemoryQuery query) override {
    return memory::recall(messages_, std::move(query));
  }

  Task<Result<ModelInfo>> default_model() override {
    LB_CO_TRY(chosen, choose({}));
    co_return std::move(chosen.model);
  }

  Task<Result<std::vector<std::string>>> list_models(std::stop_token stop) override;

 private:
  Result<Chosen> choose(const std::string& requested) const;
  Result<Chosen> choose_demo() const;
  std::string known_providers() const;

  loop::LoopServices services_;
  MessageStore* messages_;
  BrainOptions options_;
  loop::LoopOptions loop_options_;
  std::vector<Entry> entries_;
};

std::string Brain::known_providers() const {
  std::string names;
  for (const Entry& entry : entries_) names += (names.empty() ? "" : ", ") + entry.name;
  return names;
}

Result<Chosen> Brain::choose_demo() const {
  for (const Entry& entry : entries_) {
    if (entry.provider && (*entry.provider.value()).demo()) {
      return Chosen{entry.provider.value().get(), {entry.name, entry.name, true}};
    }
  }
  return make_error(Code::failed_precondition, "No model is configured. Set LIBREBIRD_MODEL to provider/name.");
}

Result<Chosen> Brain::choose(const std::string& requested) const {
  const std::string& model = requested.empty() ? options_.model : requested;
  if (model.empty()) return choose_demo();
  const std::string where = requested.empty() ? "LIBREBIRD_MODEL" : "the request";
  const std::size_t slash = model.find('/');
  const std::string provider = model.substr(0, slash);
  std::string name = slash == std::string::npos ? std::string() : model.substr(slash + 1);
  const auto entry = std::ranges::find(entries_, provider, &Entry::name);
  if (entry == entries_.end()) {
    return make_error(Code::not_found,
                      fmt::format("Unknown model provider in \"{:.100}\" ({}). Write provider/name; the "
                                  "providers are: {}.",
                                  model, where, known_providers()));
  }
  if (!entry->provider) return entry->provider.error();
  const bool demo = (*entry->provider.value()).demo();
  if (name.empty() && demo) name = entry->name;
  if (name.empty()) {
    return make_error(Code::invalid_argument,
                      fmt::format("\"{:.100}\" ({}) names no model. Write {}/NAME.", model, where, entry->name));
  }
  return Chosen{entry->provider.value().get(), {entry->name, std::move(name), demo}};
}

Task<Result<std::vector<std::string>>> Brain::list_models(std::stop_token stop) {
  std::vector<std::string> all;
  for (const Entry& entry : entries_) {
    if (!entry.provider) continue;
    auto names = co_await (*entry.provider.value()).models(stop);
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "Listing the models was stopped.");
    if (!names) {
      log::warn("a provider could not list its models", {{"provider", entry.name}, {"error", names.error().message}});
      continue;
    }
    for (const std::string& name : *names) all.push_back(entry.name + "/" + name);
  }
  // The configured one can be named even if its vendor does not list it.
  if (auto chosen = choose({})) {
    const std::string name = chosen->model.provider + "/" + chosen->model.name;
    if (std::ranges::find(all, name) == all.end()) all.insert(all.begin(), name);
  }
  co_return all;
}

}  // namespace

std::vector<ConfigKey> config_keys() {
  std::vector<ConfigKey> keys{{std::string(kModelKey), ConfigType::text, std::string(), "LIBREBIRD_MODEL", false,
                               "The model that answers, as provider/name; empty: the offline demo."},
                              {"system_prompt", ConfigType::text, std::string(), "", false,
                               "Instructions to the model that replace the built-in ones."}};
  for (ProviderPlugin& plugin : provider_plugins()) {
    for (ConfigKey& key : plugin.manifest.config) keys.push_back(std::move(key));
  }
  return keys;
}

std::string how_to_connect() {
  std::string lines;
  for (const ProviderPlugin& plugin : provider_plugins()) {
    if (plugin.manifest.connect.empty()) continue;
    if (!lines.empty()) lines += "\n";
    lines += plugin.manifest.connect;
  }
  return lines;
}

BrainOptions options_from(const Config& config) {
  BrainOptions options;
  options.model = config.text(kModelKey);
  options.system_prompt = config.text("system_prompt");
  return options;
}

std::unique_ptr<BrainService> make_brain(Loop& loop, const Config& config, const Clock& clock, IdGenerator& ids,
                                         HttpClient& http, HandsService& hands, MessageStore* messages,
                                         BrainOptions options, std::vector<ProviderPlugin> providers) {
  return std::make_unique<Brain>(loop, config, clock, ids, http, hands, messages, std::move(options),
                                 std::move(providers));
}

std::unique_ptr<BrainService> make_brain(Loop& loop, const Config& config, const Clock& clock, IdGenerator& ids,
                                         HttpClient& http, HandsService& hands, MessageStore* messages,
                                         BrainOptions options) {
  return make_brain(loop, config, clock, ids, http, hands, messages, std::move(options), provider_plugins());
}

}  // namespace librebird::brain
