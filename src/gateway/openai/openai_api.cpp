#include <librebird/gateway/openai_api.hpp>

#include <librebird/base/log.hpp>

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/base/json_writer.hpp>
#include <librebird/gateway/problem.hpp>
#include <librebird/net/sse.hpp>

#include "chat_request.hpp"

namespace librebird::gateway {
namespace {

constexpr std::string_view kDefaultModel = "librebird";
constexpr std::string_view kModeHeader = "librebird-tool-mode";
// Text waiting for a slow reader; past it the call ends.
constexpr std::size_t kPendingLimit = 4 * 1024 * 1024;

std::string_view method_of(std::string_view path) {
  if (path == "/v1/chat/completions") return "POST";
  return path == "/v1/models" ? "GET" : "";
}

std::string_view error_type(Code code) {
  switch (code) {
    case Code::unauthenticated: return "authentication_error";
    case Code::permission_denied: return "permission_error";
    case Code::resource_exhausted: return "rate_limit_error";
    case Code::invalid_argument:
    case Code::not_found:
    case Code::too_large:
    case Code::failed_precondition: return "invalid_request_error";
    default: return "server_error";
  }
}

void write_error(JsonWriter& json, const Error& error) {
  json.begin_object().key("error").begin_object();
  json.field("message", error.message).field("type", error_type(error.code)).key("param").null();
  json.field("code", error.code == Code::unauthenticated ? "invalid_api_key" : to_string(error.code));
  json.end_object().end_object();
}

void write_usage(JsonWriter& json, const TokenUsage& usage) {
  json.begin_object()
      .field("prompt_tokens", usage.prompt_tokens)
      .field("completion_tokens", usage.completion_tokens)
      .field("total_tokens", usage.prompt_tokens + usage.completion_tokens)
      .end_object();
}

void write_tool_calls(JsonWriter& json, const std::vector<ToolCall>& calls, bool with_index) {
  json.begin_array();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    json.begin_object();
    if (with_index) json.field("index", i);
    json.field("id", calls[i].id).field("type", "function").key("function").begin_object();
    json.field("name", calls[i].name).field("arguments", calls[i].arguments_json).end_object().end_object();
  }
  json.end_array();
}

// Collects what the brain says. Nothing is stored: the call lives as long as its connection.
class Collector final : public ChatObserver {
 public:
  Collector(Executor loop, std::stop_source source) : changed(loop), executor(loop), stop(std::move(source)) {}

  void on_text(std::string_view piece) override {
    if (between_answers && !text.empty()) {
      text += "\n\n";
      pending += "\n\n";
    }
    between_answers = false;
    meter.on_text(piece.size());
    text += piece;
    pending += piece;
    if (streaming && pending.size() > kPendingLimit) {
      // Posted: the brain is in the middle of telling us something.
      boost::asio::post(executor, [source = stop]() mutable { source.request_stop(); });
    }
    changed.notify_all();
  }
  void on_tool_call(const ToolCall&) override {}
  void on_tool_result(const ToolResult&) override { between_answers = true; }
  Task<Status> journal(TurnStep step) override {
    if (const auto* answer = std::get_if<ModelAnswer>(&step.what)) meter.on_answer(*answer);
    co_return Ok{};
  }

  Meter meter;
  std::string text;
  std::string pending;  // not yet written
  bool between_answers = false;
  bool streaming = false;  // somebody takes `pending`
  std::optional<Result<ChatOutcome>> outcome;
  Signal changed;
  Executor executor;
  std::stop_source stop;
};

struct Envelope {
  std::string id;
  std::string model;
  UnixMillis created = 0;

  [[nodiscard]] JsonWriter begin(std::string_view object) const {
    JsonWriter json;
    json.begin_object().field("id", id).field("object", object).field("created", created / 1000).field("model", model);
    return json;
  }
};

std::string chunk(const Envelope& envelope, bool include_usage, const std::function<void(JsonWriter&)>& delta,
                  std::optional<FinishReason> reason) {
  JsonWriter json = envelope.begin("chat.completion.chunk");
  json.key("choices").begin_array().begin_object().field("index", 0).key("delta").begin_object();
  delta(json);
  json.end_object().key("finish_reason");
  if (reason) {
    json.value(to_string(*reason));
  } else {
    json.null();
  }
  json.end_object().end_array();
  if (include_usage) json.key("usage").null();
  json.end_object();
  return "data: " + std::move(json).take() + "\n\n";
}

net::Response whole_answer(const Envelope& envelope, const Collector& collector) {
  const ChatOutcome& outcome = **collector.outcome;
  JsonWriter json = envelope.begin("chat.completion");
  json.key("choices").begin_array().begin_object().field("index", 0).key("message").begin_object();
  json.field("role", "assistant");
  const auto& calls = outcome.final_answer.tool_calls;
  if (calls.empty() || !collector.text.empty()) {
    json.field("content", collector.text);
  } else {
    json.key("content").null();
  }
  json.key("refusal").null();
  if (!calls.empty()) {
    json.key("tool_calls");
    write_tool_calls(json, calls, false);
  }
  json.end_object().key("logprobs").null().field("finish_reason", to_string(outcome.finish_reason));
  json.end_object().end_array().key("usage");
  write_usage(json, outcome.usage);
  json.end_object();
  return {200, {{"Content-Type", "application/json"}}, std::move(json).take(), {}};
}

Task<void> run_chat(BrainService& brain, ChatRequest request, Collector& collector, std::stop_token stop) {
  collector.outcome = co_await brain.stream_chat(std::move(request), collector, stop);
  collector.changed.notify_all();
}

Task<void> write_stream(net::BodyWriter& writer, const Envelope& envelope, bool include_usage, Collector& collector,
                        std::stop_source& stop) {
  const std::stop_token gone = writer.stop();
  const auto role = [](JsonWriter& json) { json.field("role", "assistant").field("content", ""); };
  bool alive = static_cast<bool>(co_await writer.write(chunk(envelope, include_usage, role, std::nullopt)));
  for (;;) {
    if (!alive || gone.stop_requested()) stop.request_stop();
    if (collector.outcome) break;
    if (collector.pending.empty() || !alive) {
      const bool watching = alive && !gone.stop_requested();
      co_await collector.changed.wait(watching ? gone : std::stop_token(), Millis(15'000));
      if (!alive || gone.stop_requested()) continue;
      // A comment now and then shows proxies and clients that the answer is still being made.
      if (collector.pending.empty() && !collector.outcome)
        alive = static_cast<bool>(co_await writer.write(": working\n\n"));
      continue;
    }
    const std::string text = std::exchange(collector.pending, {});
    const auto content = [&text](JsonWriter& json) { json.field("content", text); };
    alive = static_cast<bool>(co_await writer.write(chunk(envelope, include_usage, content, std::nullopt)));
  }
  if (!alive) co_return;
  std::string tail;
  if (!collector.pending.empty()) {
    const auto content = [&collector](JsonWriter& json) { json.field("content", collector.pending); };
    tail += chunk(envelope, include_usage, content, std::nullopt);
  }
  if (!*collector.outcome) {
    JsonWriter json;
    write_error(json, collector.outcome->error());
    tail += "data: " + std::move(json).take() + "\n\n";
  } else {
    const ChatOutcome& outcome = **collector.outcome;
    if (!outcome.final_answer.tool_calls.empty()) {
      const auto calls = [&outcome](JsonWriter& json) {
        json.key("tool_calls");
        write_tool_calls(json, outcome.final_answer.tool_calls, true);
      };
      tail += chunk(envelope, include_usage, calls, std::nullopt);
    }
    tail += chunk(envelope, include_usage, [](JsonWriter&) {}, outcome.finish_reason);
    if (include_usage) {
      JsonWriter json = envelope.begin("chat.completion.chunk");
      json.key("choices").begin_array().end_array().key("usage");
      write_usage(json, outcome.usage);
      json.end_object();
      tail += "data: " + std::move(json).take() + "\n\n";
    }
    tail += "data: [DONE]\n\n";
  }
  const Status sent = co_await writer.write(std::move(tail));
  if (!sent) stop.request_stop();
}

}  // namespace

OpenAiApi::OpenAiApi(BrainService& brain, UsageStore& usage, const Clock& clock, IdGenerator& ids,
                     OpenAiOptions options)
    : brain_(brain), usage_(usage), clock_(clock), ids_(ids), options_(std::move(options)) {}

net::Response OpenAiApi::error_response(const Error& error) {
  JsonWriter json;
  write_error(json, error);
  net::Response response{http_status(error.code), {{"Content-Type", "application/json"}}, std::move(json).take(), {}};
  if (const int seconds = retry_after_seconds(error))
    response.headers.emplace_back("Retry-After", std::to_string(seconds));
  return response;
}

Task<std::optional<net::Response>> OpenAiApi::handle(net::Exchange& exchange, Principal principal) {
  const std::string& path = exchange.request().path;
  const std::string& method = exchange.request().method;
  if (path == "/v1/chat/completions" && method == "POST") co_return co_await chat_completions(exchange, principal);
  if (path == "/v1/models" && method == "GET") co_return co_await models(exchange);
  if (const std::string_view allowed = method_of(path); !allowed.empty()) {
    net::Response response = error_response(
        make_error(Code::invalid_argument, path + " takes " + std::string(allowed) + ", not " + method + "."));
    response.status = 405;
    response.headers.emplace_back("Allow", allowed);
    co_return response;
  }
  co_return error_response(make_error(
      Code::not_found, "There is no " + method + " " + path + "; POST /v1/chat/completions and GET /v1/models are."));
}

Task<std::optional<net::Response>> OpenAiApi::chat_completions(net::Exchange& exchange, Principal principal) {
  auto call = parse_completion(exchange.request().body);
  if (!call) co_return error_response(call.error());
  // Nobody sees questions here, so the program says itself how much tools may do; else what needs asking is refused.
  std::optional<ApprovalMode> mode;
  if (const auto wanted = exchange.request().header(kModeHeader)) {
    mode = approval_mode_from_string(*wanted);
    if (!mode) {
      co_return error_response(
          make_error(Code::invalid_argument, "The header Librebird-Tool-Mode must be read_only, ask or auto."));
    }
  }
  if (running_[principal.user_id] >= options_.calls_per_user) {
    co_return error_response(make_error(Code::resource_exhausted, "Too many calls at once; wait for some to end."));
  }
  const std::string user = principal.user_id;
  const std::string id = ids_.next();
  ++running_[user];
  if (const Status counted = co_await usage_.begin(principal, id, options_.limits); !counted) {
    left(user);
    co_return error_response(counted.error());
  }
  Envelope envelope{"chatcmpl-" + ids_.next(), call->model.empty() ? std::string(kDefaultModel) : call->model,
                    clock_.unix_now()};
  ChatRequest chat = std::move(call->chat);
  chat.turn_id = id;
  chat.principal = std::move(principal);
  chat.tool_mode = mode;
  chat.can_ask = false;
  if (call->model != kDefaultModel) chat.model = call->model;
  chat.trace_parent = std::string(exchange.request().header("traceparent").value_or(""));

  const Executor executor = co_await boost::asio::this_coro::executor;
  std::stop_source stop;
  Collector collector(executor, stop);
  collector.streaming = call->stream;
  Scope scope(executor);
  const auto request_stop = [&stop] { stop.request_stop(); };
  const std::stop_callback on_gone(exchange.stop(), request_stop);
  collector.meter.begin(chat.history, {});
  scope.spawn(run_chat(brain_, std::move(chat), collector, stop.get_token()), "completion");
  std::optional<net::Response> response;
  if (call->stream) {
    // An error before the first word still gets a status of its own.
    while (collector.pending.empty() && !collector.outcome) {
      if (!co_await collector.changed.wait(exchange.stop(), Millis(5'000))) break;
    }
    if (collector.outcome && !*collector.outcome && collector.text.empty()) {
      response = error_response(collector.outcome->error());
    } else {
      auto writer =
          co_await exchange.stream(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}});
      if (writer) {
        co_await write_stream(**writer, envelope, call->include_usage, collector, stop);
      } else {
        stop.request_stop();
      }
    }
    co_await scope.join();
  } else {
    co_await scope.join();
    response = *collector.outcome ? whole_answer(envelope, collector) : error_response(collector.outcome->error());
  }
  const Result<ChatOutcome>& outcome = *collector.outcome;
  const Spent spent = collector.meter.total(outcome ? &outcome->final_answer : nullptr, options_.prices);
  if (const Status counted = co_await usage_.end(id, spent); !counted) {
    log::error("what a call took could not be counted", {{"user_id", user}, {"cause", counted.error().message}});
  }
  left(user);
  co_return response;
}

void OpenAiApi::left(const std::string& user) {
  if (--running_[user] == 0) running_.erase(user);
}

Task<net::Response> OpenAiApi::models(net::Exchange& exchange) {
  std::vector<std::string> names{std::string(kDefaultModel)};
  // The vendor's list is a convenience: without it the default model still has a name.
  if (auto listed = co_await brain_.list_models(exchange.stop())) {
    names.insert(names.end(), listed->begin(), listed->end());
  }
  JsonWriter json;
  json.begin_object().field("object", "list").key("data").begin_array();
  for (const std::string& name : names) {
    json.begin_object().field("id", name).field("object", "model").field("created", 0);
    json.field("owned_by", "librebird").end_object();
  }
  json.end_array().end_object();
  co_return net::Response{200, {{"Content-Type", "application/json"}}, std::move(json).take(), {}};
}

}  // namespace librebird::gateway
