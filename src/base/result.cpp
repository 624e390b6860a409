#include <librebird/base/result.hpp>

#include <array>

namespace librebird {
namespace {
constexpr std::array<std::pair<Code, std::string_view>, 13> kNames{{
    {Code::invalid_argument, "invalid_argument"},
    {Code::unauthenticated, "unauthenticated"},
    {Code::permission_denied, "permission_denied"},
    {Code::not_found, "not_found"},
    {Code::already_exists, "already_exists"},
    {Code::failed_precondition, "failed_precondition"},
    {Code::resource_exhausted, "resource_exhausted"},
    {Code::unavailable, "unavailable"},
    {Code::deadline_exceeded, "deadline_exceeded"},
    {Code::cancelled, "cancelled"},
    {Code::too_large, "too_large"},
    {Code::data_loss, "data_loss"},
    {Code::internal, "internal"},
}};
}  // namespace

std::string_view to_string(Code code) {
  for (const auto& [value, name] : kNames) {
    if (value == code) return name;
  }
  return "internal";
}

std::optional<Code> code_from_string(std::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

bool operator==(const Error& a, const Error& b) {
  const bool same_limit = a.limit == b.limit || (a.limit && b.limit && *a.limit == *b.limit);
  return a.code == b.code && a.message == b.message && a.retryable == b.retryable && a.retry_after == b.retry_after &&
         same_limit;
}

Error make_error(Code code, std::string message) {
  const bool retryable =
      code == Code::unavailable || code == Code::resource_exhausted || code == Code::deadline_exceeded;
  return Error{code, std::move(message), retryable, std::chrono::milliseconds(retryable ? 1000 : 0)};
}

}  // namespace librebird
