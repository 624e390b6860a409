#pragma once

// Errors at the HTTP edge: RFC 9457 problem JSON. The one place where codes become statuses. Pure, any thread.

#include <librebird/base/result.hpp>

#include <string>
#include <string_view>

namespace librebird::gateway {

[[nodiscard]] int http_status(Code code);
[[nodiscard]] std::string_view reason_phrase(int status);
// Seconds for Retry-After; 0: none.
[[nodiscard]] int retry_after_seconds(const Error& error);
// With the member "limit" where one was reached. `status` 0: from the code.
[[nodiscard]] std::string problem_json(const Error& error, std::string_view request_id, int status = 0);

}  // namespace librebird::gateway
