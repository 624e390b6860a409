#include "fetch.hpp"

#include <librebird/hands/egress/policy.hpp>

#include <algorithm>

namespace librebird::hands::oauth {
namespace {

constexpr std::size_t kLongestUrl = 2000;

}  // namespace

bool is_askable(const std::string& url) {
  const bool spelled =
      url.size() <= kLongestUrl && std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f; });
  return spelled && url.starts_with("https://") && url.find_first_of("#\\") == std::string::npos &&
         static_cast<bool>(egress::parse_target(url));
}

std::string origin_of(const std::string& url) {
  const auto target = egress::parse_target(url);
  return target ? "https://" + target->authority() : std::string();
}

std::string path_of(const std::string& url) {
  const auto target = egress::parse_target(url);
  return target ? target->path.substr(0, target->path.find('?')) : std::string("/");
}

Task<Result<Fetched>> ask(HttpClient& http, HttpRequest request, std::stop_token stop, Millis patience) {
  if (!is_askable(request.url)) {
    co_return make_error(Code::invalid_argument, "An address that is not https was named: nothing was sent there.");
  }
  // A stranger chose it.
  request.reach = Reach::public_only;
  request.connect_timeout = request.idle_timeout = request.total_timeout = patience;
  LB_CO_TRY(response, co_await http.send(std::move(request), stop));
  Fetched fetched{response->status(), response->headers(), {}};
  LB_CO_TRY(body, co_await read_all(*response, kLargestAnswer, std::move(stop)));
  fetched.body = std::move(body);
  co_return fetched;
}

}  // namespace librebird::hands::oauth
