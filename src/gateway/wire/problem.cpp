#include <librebird/gateway/problem.hpp>

#include <librebird/gateway/views.hpp>

namespace librebird::gateway {

int http_status(Code code) {
  switch (code) {
    case Code::invalid_argument: return 400;
    case Code::unauthenticated: return 401;
    case Code::permission_denied: return 403;
    case Code::not_found: return 404;
    case Code::already_exists: return 409;
    case Code::failed_precondition: return 409;
    case Code::too_large: return 413;
    case Code::resource_exhausted: return 429;
    case Code::cancelled: return 499;
    case Code::unavailable: return 503;
    case Code::deadline_exceeded: return 504;
    case Code::data_loss:
    case Code::internal: return 500;
  }
  return 500;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 421: return "Misdirected Request";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Cancelled";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Internal Server Error";
  }
}

int retry_after_seconds(const Error& error) {
  if (error.code != Code::resource_exhausted && error.code != Code::unavailable) return 0;
  return std::max<int>(1, static_cast<int>((error.retry_after.count() + 999) / 1000));
}

std::string problem_json(const Error& error, std::string_view request_id, int status) {
  if (status == 0) status = http_status(error.code);
  JsonWriter json;
  json.begin_object()
      .field("type", "about:blank")
      .field("title", reason_phrase(status))
      .field("status", status)
      .field("code", to_string(error.code))
      .field("detail", error.message)
      .field("request_id", request_id)
      .field("retryable", error.retryable);
  if (error.limit) write(json.key("limit"), *error.limit);
  json.end_object();
  return std::move(json).take();
}

}  // namespace librebird::gateway
