// The provider for OpenAI's Chat Completions protocol, which most model servers speak.
#include "failure.hpp"
#include "request.hpp"
#include "stream_decoder.hpp"

#include <librebird/base/async/sync.hpp>
#include <librebird/core/ports/chat_provider.hpp>
#include <librebird/core/ports/http_client.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <map>

namespace librebird {
namespace {

namespace openai = brain::openai;

constexpr std::string_view kBaseUrl = "https://api.openai.com/v1";
constexpr std::size_t kErrorBody = 64 * 1024;
constexpr std::size_t kModelsBody = 4 * 1024 * 1024;
constexpr std::size_t kModels = 2000;
constexpr int kAdaptations = 3;
constexpr Millis kDrain{200};

std::vector<ConfigKey> config_keys() {
  return {{"openai.api_key", ConfigType::text, std::string(), "OPENAI_API_KEY", true,
           "Key for the OpenAI API or a compatible server; local servers often need none."},
          {"openai.base_url", ConfigType::text, std::string(kBaseUrl), "OPENAI_BASE_URL", false,
           "Address of the API, up to and including /v1."},
          {"openai.idle_timeout_seconds", ConfigType::integer, std::int64_t{300}, "", false,
           "Longest silence of the model server before a request is given up."}};
}

class OpenAiProvider final : public ChatProvider {
 public:
  OpenAiProvider(const ProviderContext& context, std::string base_url, std::string key)
      : http_(context.http),
        clock_(context.clock),
        base_url_(std::move(base_url)),
        key_(std::move(key)),
        idle_timeout_(std::chrono::seconds(context.config.integer("openai.idle_timeout_seconds"))) {}

  Task<Result<ModelAnswer>> complete(CompletionRequest request, TextSink on_text, std::stop_token stop) override;
  Task<Result<std::vector<std::string>>> models(std::stop_token stop) override;

 private:
  Task<Result<ModelAnswer>> read_answer(HttpResponse& response, TextSink on_text, std::stop_token stop);
  Task<Result<openai::Complaint>> read_refusal(HttpResponse& response, std::stop_token stop);
  [[nodiscard]] HttpRequest to(std::string method, std::string_view path) const;
  openai::Quirks& quirks_of(const std::string& model);

  HttpClient& http_;
  const Clock& clock_;
  std::string base_url_;
  std::string key_;
  Millis idle_timeout_;
  openai::RequestWriter writer_;
  std::map<std::string, openai::Quirks> quirks_;  // by model
};

openai::Quirks& OpenAiProvider::quirks_of(const std::string& model) {
  if (quirks_.size() > 1000 && !quirks_.contains(model)) quirks_.clear();
  return quirks_[model];
}

HttpRequest OpenAiProvider::to(std::string method, std::string_view path) const {
  HttpRequest request;
  request.method = std::move(method);
  request.url.reserve(base_url_.size() + path.size());
  request.url.append(base_url_).append(path);
  if (!key_.empty()) request.headers.emplace_back("Authorization", "Bearer " + key_);
  request.idle_timeout = idle_timeout_;
  return request;
}

// The rest of a body after the answer's end, so that the connection can be used again; it is not worth waiting for.
Task<void> drain(HttpResponse& response, std::stop_token stop) {
  std::stop_source enough;
  Timer timer(co_await boost::asio::this_coro::executor, kDrain);
  auto expire = [enough](const boost::system::error_code& failure) mutable {
    if (!failure) enough.request_stop();
  };
  timer.async_wait(std::move(expire));
  const auto forward = [&enough] { enough.request_stop(); };
  const std::stop_callback on_stop(stop, forward);
  for (int piece = 0; piece < 8; ++piece) {
    const auto read = co_await response.read(enough.get_token());
    if (!read || !read.value()) break;
  }
  timer.cancel();
}

Task<Result<ModelAnswer>> OpenAiProvider::read_answer(HttpResponse& response, TextSink on_text, std::stop_token stop) {
  openai::StreamDecoder decoder(std::move(on_text), key_);
  for (;;) {
    auto piece = co_await response.read(stop);
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "The model request was stopped.");
    if (!piece) {
      if (decoder.complete()) break;
      Error error = std::move(piece).error();
      if (error.code == Code::unavailable) {
        error.message = "openai: the model server's answer broke off before its end. " + error.message;
        error.retry_after = Millis{0};
        co_return error;
      }
      co_return openai::transport_error(std::move(error));
    }
    if (!piece.value()) break;
    LB_CO_CHECK(decoder.feed(*piece.value()));
    if (decoder.done()) {
      co_await drain(response, stop);
      break;
    }
  }
  co_return decoder.finish();
}

Task<Result<openai::Complaint>> OpenAiProvider::read_refusal(HttpResponse& response, std::stop_token stop) {
  auto body = co_await read_all(response, kErrorBody, stop);
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "The model request was stopped.");
  if (!body) co_return openai::Complaint{};  // the status says enough
  co_return openai::read_complaint(*body);
}

Task<Result<ModelAnswer>> OpenAiProvider::complete(CompletionRequest request, TextSink on_text, std::stop_token stop) {
  for (int round = 0;; ++round) {
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "The model request was stopped.");
    openai::Quirks quirks = quirks_of(request.model);
    HttpRequest http = to("POST", "/chat/completions");
    http.headers.emplace_back("Content-Type", "application/json");
    http.headers.emplace_back("Accept", "text/event-stream");
    if (!request.trace_parent.empty()) http.headers.emplace_back("traceparent", request.trace_parent);
    http.body = writer_.write(request, quirks);
    auto sent = co_await http_.send(std::move(http), stop);
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "The model request was stopped.");
    if (!sent) co_return openai::transport_error(std::move(sent).error());
    HttpResponse& response = **sent;
    if (response.status() >= 200 && response.status() < 300) {
      auto answer = co_await read_answer(response, on_text, stop);
      if (answer) answer->model = {"openai", request.model, false};
      co_return answer;
    }
    LB_CO_TRY(complaint, co_await read_refusal(response, stop));
    const bool refused = response.status() == 400 || response.status() == 422;
    if (refused && round < kAdaptations && openai::adapt(quirks, request, complaint.message)) {
      quirks_of(request.model) = quirks;
      continue;
    }
    co_return openai::status_error(response.status(), response.headers(), complaint, key_, clock_.unix_now());
  }
}

Result<std::vector<std::string>> names_in(std::string_view body) {
  boost::json::error_code failure;
  const boost::json::value value = boost::json::parse({body.data(), body.size()}, failure);
  const auto* object = failure ? nullptr : value.if_object();
  const auto* data = object == nullptr ? nullptr : object->if_contains("data");
  if (data == nullptr || !data->is_array()) {
    return Error{Code::unavailable, "openai: the model server's list of models cannot be read; check OPENAI_BASE_URL.",
                 false, Millis{0}};
  }
  std::vector<std::string> names;
  for (const auto& item : data->get_array()) {
    const auto* model = item.if_object();
    const auto* id = model == nullptr ? nullptr : model->if_contains("id");
    if (id == nullptr || !id->is_string() || id->get_string().empty() || id->get_string().size() > 256) continue;
    names.emplace_back(id->get_string().data(), id->get_string().size());
    if (names.size() >= kModels) break;
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

Task<Result<std::vector<std::string>>> OpenAiProvider::models(std::stop_token stop) {
  HttpRequest request = to("GET", "/models");
  request.headers.emplace_back("Accept", "application/json");
  request.idle_timeout = Millis{10'000};
  request.total_timeout = Millis{15'000};
  auto sent = co_await http_.send(std::move(request), stop);
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "Listing the models was stopped.");
  if (!sent) co_return openai::transport_error(std::move(sent).error());
  HttpResponse& response = **sent;
  if (response.status() != 200) {
    LB_CO_TRY(complaint, co_await read_refusal(response, stop));
    co_return openai::status_error(response.status(), response.headers(), complaint, key_, clock_.unix_now());
  }
  auto body = co_await read_all(response, kModelsBody, stop);
  if (!body) co_return openai::transport_error(std::move(body).error());
  co_return names_in(*body);
}

std::string trimmed(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
  text.erase(0, text.find_first_not_of(" \t\r\n"));
  return text;
}

Result<std::unique_ptr<ChatProvider>> create(const ProviderContext& context) {
  std::string key = trimmed(context.config.text("openai.api_key"));
  std::string url = trimmed(context.config.text("openai.base_url"));
  while (url.ends_with('/')) url.pop_back();
  if (url.empty()) url = kBaseUrl;
  if (!url.starts_with("https://") && !url.starts_with("http://")) {
    return make_error(
        Code::failed_precondition,
        "openai: OPENAI_BASE_URL must begin with http:// or https://, for example http://127.0.0.1:8080/v1.");
  }
  if (std::ranges::any_of(key, [](char c) { return c <= ' ' || c > '~'; })) {
    return make_error(Code::failed_precondition,
                      "openai: OPENAI_API_KEY contains a space or a control character; copy the key again.");
  }
  if (key.empty() && url == kBaseUrl) {
    return make_error(Code::failed_precondition,
                      "openai: not configured; set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own.");
  }
  return std::unique_ptr<ChatProvider>(std::make_unique<OpenAiProvider>(context, std::move(url), std::move(key)));
}

}  // namespace

namespace plugins {
ProviderPlugin provider_openai() {
  return {{"openai", "Models that speak OpenAI's Chat Completions protocol, in the cloud or on your own machine.",
           config_keys(), "LIBREBIRD_MODEL=openai/MODEL OPENAI_API_KEY=KEY [OPENAI_BASE_URL=http://HOST:PORT/v1]"},
          create};
}
}  // namespace plugins

}  // namespace librebird
