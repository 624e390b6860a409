#include <librebird/core/ports/http_client.hpp>

#include <algorithm>

namespace librebird {
namespace {
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
}  // namespace

std::optional<std::string_view> find_header(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [known, value] : headers) {
    if (std::ranges::equal(known, name, {}, lower, lower)) return value;
  }
  return std::nullopt;
}

Task<Result<std::unique_ptr<ByteStream>>> HttpClient::connect(HttpConnect /*target*/, std::stop_token /*stop*/) {
  co_return make_error(Code::failed_precondition, "This HTTP client makes no tunnels.");
}

Task<Result<std::string>> read_all(HttpResponse& response, std::size_t limit, std::stop_token stop) {
  std::string body;
  for (;;) {
    LB_CO_TRY(piece, co_await response.read(stop));
    if (!piece) co_return body;
    if (body.size() + piece->size() > limit) {
      co_return make_error(Code::too_large, "The answer is larger than " + std::to_string(limit) + " bytes.");
    }
    body += *piece;
  }
}

}  // namespace librebird
