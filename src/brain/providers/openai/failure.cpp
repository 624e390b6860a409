#include "failure.hpp"

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace librebird::brain::openai {
namespace {

namespace json = boost::json;
constexpr std::size_t kMessageLimit = 300;
constexpr Millis kLongestWait{24LL * 3600 * 1000};

std::string text_of(const json::value& value) {
  if (const auto* text = value.if_string()) return {text->data(), text->size()};
  if (const auto* number = value.if_int64()) return std::to_string(*number);
  if (const auto* number = value.if_uint64()) return std::to_string(*number);
  return {};
}

std::string member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  return value == nullptr ? std::string() : text_of(*value);
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !(value >= 0)) return std::nullopt;
  return value;
}

Error fail(Code code, bool retryable, std::string message) { return {code, std::move(message), retryable, Millis{0}}; }

std::string said(const Complaint& complaint, std::string_view key) {
  const std::string text = presentable(complaint.message, key);
  return text.empty() ? std::string() : " It says: " + text;
}

void redact(std::string& text, std::string_view key) {
  if (key.size() < 4) return;
  for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
    text.replace(at, key.size(), "[key]");
  }
  // Vendors echo keys with stars in the middle.
  for (std::size_t at = 0; (at = text.find(key.substr(0, 3), at)) != std::string::npos;) {
    std::size_t end = at;
    while (end < text.size() && static_cast<unsigned char>(text[end]) > ' ') ++end;
    const bool masked = std::string_view(text).substr(at, end - at).find('*') != std::string_view::npos;
    if (masked) text.replace(at, end - at, "[key]");
    at += masked ? 5 : 3;
  }
}

}  // namespace

Complaint read_complaint(std::string_view body) {
  json::error_code failure;
  const json::value value = json::parse({body.data(), body.size()}, failure);
  const auto* object = failure ? nullptr : value.if_object();
  if (object == nullptr) return {};  // HTML from a proxy says nothing useful
  const json::value* error = object->if_contains("error");
  if (error != nullptr && error->is_string()) return {text_of(*error), member(*object, "code")};
  const json::object& from = error != nullptr && error->is_object() ? error->get_object() : *object;
  Complaint complaint{member(from, "message"), member(from, "code")};
  if (complaint.code.empty()) complaint.code = member(from, "type");
  if (complaint.message.empty()) complaint.message = member(from, "detail");
  return complaint;
}

std::string presentable(std::string_view text, std::string_view key) {
  std::string out = to_valid_utf8(text.substr(0, 8 * kMessageLimit));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  redact(out, key);
  if (out.size() > kMessageLimit) out = std::string(utf8_prefix(out, kMessageLimit)) + "...";
  return out;
}

Millis retry_after(const HttpHeaders& headers, UnixMillis now) {
  const auto bounded = [](double millis) {
    return Millis(static_cast<std::int64_t>(std::min(millis, static_cast<double>(kLongestWait.count()))));
  };
  if (const auto exact = find_header(headers, "retry-after-ms")) {
    if (const auto millis = number(*exact)) return bounded(*millis);
  }
  const auto value = find_header(headers, "retry-after");
  if (!value) return Millis{0};
  if (const auto seconds = number(*value)) return bounded(*seconds * 1000);
  std::tm date{};
  if (strptime(std::string(*value).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date) == nullptr) return Millis{0};
  const auto wait = static_cast<double>(static_cast<UnixMillis>(timegm(&date)) * 1000 - now);
  return bounded(std::max(wait, 0.0));
}

Error status_error(int status, const HttpHeaders& headers, const Complaint& complaint, std::string_view key,
                   UnixMillis now) {
  const std::string why = said(complaint, key);
  Error error;
  if (status == 401 || status == 403) {
    error =
        fail(Code::unauthenticated, false,
             fmt::format("openai: the model server refused the key (HTTP {}); check OPENAI_API_KEY.{}", status, why));
  } else if (status == 404) {
    error = fail(
        Code::not_found, false,
        fmt::format("openai: no such model or address (HTTP 404); check LIBREBIRD_MODEL and OPENAI_BASE_URL.{}", why));
  } else if (status == 429 &&
             (complaint.code == "insufficient_quota" || complaint.code == "billing_hard_limit_reached")) {
    error = fail(Code::resource_exhausted, false, "openai: the account's quota is used up; check its plan." + why);
  } else if (status == 429) {
    error = fail(Code::resource_exhausted, true,
                 "openai: too many requests for the model server; try again shortly." + why);
  } else if (status >= 500 || status == 408 || status == 409 || status == 425) {
    error = fail(Code::unavailable, true,
                 fmt::format("openai: the model server has trouble (HTTP {}); try again shortly.{}", status, why));
  } else if (status >= 300 && status < 400) {
    error = fail(
        Code::unavailable, false,
        fmt::format("openai: the model server redirects (HTTP {}); set OPENAI_BASE_URL to the final address.", status));
  } else {
    error = fail(Code::invalid_argument, false,
                 fmt::format("openai: the model server refused the request (HTTP {}).{}", status,
                             why.empty() ? " Check the model's name and its limits." : why));
  }
  const auto should = find_header(headers, "x-should-retry");
  if (should == "true" && (error.code == Code::unavailable || error.code == Code::resource_exhausted))
    error.retryable = true;
  if (should == "false") error.retryable = false;
  if (error.retryable) error.retry_after = retry_after(headers, now);
  return error;
}

Error stream_error(const Complaint& complaint, std::string_view key) {
  const auto status = number(complaint.code);
  if (status && *status >= 400 && *status < 600) return status_error(static_cast<int>(*status), {}, complaint, key, 0);
  if (complaint.code.find("rate_limit") != std::string::npos) return status_error(429, {}, complaint, key, 0);
  if (complaint.code == "invalid_request_error" || complaint.code == "context_length_exceeded") {
    return status_error(400, {}, complaint, key, 0);
  }
  return fail(Code::unavailable, true,
              "openai: the model server reported an error while answering." + said(complaint, key));
}

Error transport_error(Error error) {
  error.message = "openai: no answer from the model server; check OPENAI_BASE_URL and the network. " + error.message;
  error.retry_after = Millis{0};
  if (error.code == Code::cancelled) error.message = "The model request was stopped.";
  return error;
}

}  // namespace librebird::brain::openai
