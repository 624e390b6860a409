#include "fetch.hpp"

#include <librebird/hands/egress/policy.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>

namespace librebird::hands::oauth {
namespace {

constexpr Millis kPatience{15'000};
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

Task<Result<Fetched>> ask(HttpClient& http, HttpRequest request, std::stop_token stop) {
  if (!is_askable(request.url)) {
    co_return make_error(Code::invalid_argument, "An address that is not https was named: nothing was sent there.");
  }
  // A stranger chose it.
  request.reach = Reach::public_only;
  request.connect_timeout = request.idle_timeout = request.total_timeout = kPatience;
  LB_CO_TRY(response, co_await http.send(std::move(request), stop));
  Fetched fetched{response->status(), response->headers(), {}};
  LB_CO_TRY(body, co_await read_all(*response, kLargestAnswer, std::move(stop)));
  fetched.body = std::move(body);
  co_return fetched;
}

std::optional<boost::json::object> read_object(std::string_view text) {
  boost::system::error_code failure;
  boost::json::parse_options options;
  options.max_depth = 12;
  boost::json::value value = boost::json::parse({text.data(), text.size()}, failure, {}, options);
  if (failure || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string text_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<std::vector<std::string>> list_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& item : value->get_array()) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
}

std::int64_t number_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return 0;
  if (const auto* number = value->if_int64()) return *number;
  const auto* number = value->if_double();
  return number != nullptr && *number > -1e15 && *number < 1e15 ? static_cast<std::int64_t>(*number) : 0;
}

}  // namespace librebird::hands::oauth
