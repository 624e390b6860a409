#include "fetch.hpp"

#include <librebird/core/ports/sign_in_provider.hpp>

namespace librebird::gateway::oidc {
namespace {

constexpr Millis kPatience{15'000};

Task<Result<Fetched>> ask(HttpClient& http, HttpRequest request, std::stop_token stop) {
  if (!is_trusted_origin(request.url)) {
    co_return make_error(Code::unavailable,
                         "The identity provider names an address that is not https: nothing was sent there.");
  }
  request.headers.emplace_back("Accept", "application/json");
  request.connect_timeout = request.idle_timeout = request.total_timeout = kPatience;
  LB_CO_TRY(response, co_await http.send(std::move(request), stop));
  LB_CO_TRY(body, co_await read_all(*response, kLargestAnswer, stop));
  co_return Fetched{response->status(), std::move(body)};
}

}  // namespace

Task<Result<Fetched>> get(HttpClient& http, std::string url, HttpHeaders headers, std::stop_token stop) {
  HttpRequest request;
  request.url = std::move(url);
  request.headers = std::move(headers);
  co_return co_await ask(http, std::move(request), std::move(stop));
}

Task<Result<Fetched>> post(HttpClient& http, std::string url, HttpHeaders headers, Form form, std::stop_token stop) {
  HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers = std::move(headers);
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.body = form_encoded(form);
  co_return co_await ask(http, std::move(request), std::move(stop));
}

}  // namespace librebird::gateway::oidc
