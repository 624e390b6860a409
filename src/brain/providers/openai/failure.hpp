#pragma once

// A vendor's refusal as one of our errors: its own message, bounded, sanitised, and never with the key in it.
// Status codes and retry headers: OpenAI API reference, "Error codes"; openai-node 7.57.0, src/client.ts
// (retries 408, 409, 429 and 5xx; honours retry-after-ms, retry-after and x-should-retry).

#include <librebird/core/ports/http_client.hpp>

#include <string>
#include <string_view>

namespace librebird::brain::openai {

// What an error body says: its message and code ({"error":{"message","type","code"}} and the shapes of others).
struct Complaint {
  std::string message;
  std::string code;
};

[[nodiscard]] Complaint read_complaint(std::string_view body);

// One line of at most 300 bytes of well-formed UTF-8 without control characters and without the key.
[[nodiscard]] std::string presentable(std::string_view text, std::string_view key);

// An answer whose status is not 2xx.
[[nodiscard]] Error status_error(int status, const HttpHeaders& headers, const Complaint& complaint,
                                 std::string_view key, UnixMillis now);

// An `error` object inside a stream; `code` may be a number as text.
[[nodiscard]] Error stream_error(const Complaint& complaint, std::string_view key);

// Connection trouble: the client's error with the provider's name; no invented waiting time.
[[nodiscard]] Error transport_error(Error error);

// How long the vendor asks to wait; zero when it does not say.
[[nodiscard]] Millis retry_after(const HttpHeaders& headers, UnixMillis now);

}  // namespace librebird::brain::openai
