#pragma once

// Port: outgoing HTTP. Implemented once, in src/net; everything that leaves the machine goes through it.
//
// Thread rule: loop only. Connections are kept alive and reused per origin. A response's body arrives in pieces.
// Errors: invalid_argument (URL), unavailable (resolve, connect, TLS, reset), deadline_exceeded, cancelled,
// too_large (head over 64 KiB). An HTTP status is not an error here.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace librebird {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// The value of the first header of that name (ASCII case does not matter), or nothing.
[[nodiscard]] std::optional<std::string_view> find_header(const HttpHeaders& headers, std::string_view name);

// Which addresses a connection may go to. `any` is for endpoints the operator configured; `public_only` for
// everything a model, a tool or a user chose: private, loopback, link-local, CGNAT and mapped ranges are refused
// after resolving, and the vetted address is the one connected to.
enum class Reach { any, public_only };

// A request's body that comes in pieces, for what is too large to hold.
class HttpBodySource {
 public:
  virtual ~HttpBodySource() = default;
  // The next piece, never empty; nullopt at the end. An error breaks the request off and is what send() returns.
  virtual Task<Result<std::optional<std::string>>> next(std::stop_token stop) = 0;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;                 // absolute, http or https
  HttpHeaders headers;
  std::string body;
  std::shared_ptr<HttpBodySource> stream;      // in place of `body`; asked once, so the request is never repeated
  std::optional<std::uint64_t> stream_length;  // what `stream` will give, to the byte; absent: sent in chunks
  Millis connect_timeout{10'000};
  Millis idle_timeout{60'000};     // longest silence between two reads, the answer's head included
  Millis total_timeout{600'000};
  Reach reach = Reach::any;
};

class HttpResponse {
 public:
  virtual ~HttpResponse() = default;  // an unfinished body closes the connection
  [[nodiscard]] virtual int status() const = 0;
  [[nodiscard]] virtual const HttpHeaders& headers() const = 0;
  // The next piece; nullopt at the end of the body.
  virtual Task<Result<std::optional<std::string>>> read(std::stop_token stop) = 0;
};

// Bytes both ways to an address that was vetted like any request's.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // One reader and one writer at a time. The next bytes; nullopt when the peer has ended its side.
  virtual Task<Result<std::optional<std::string>>> read() = 0;
  virtual Task<Status> write(std::string bytes) = 0;
  virtual void end_sending() = 0;
  // Ends reads and writes that wait.
  virtual void close() = 0;
};

struct HttpConnect {
  std::string host;
  std::uint16_t port = 443;
  Millis connect_timeout{10'000};
  Reach reach = Reach::public_only;
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Returns when the head of the answer is there. Never follows redirects.
  virtual Task<Result<std::unique_ptr<HttpResponse>>> send(HttpRequest request, std::stop_token stop) = 0;
  // A connection for a protocol the client does not speak: resolved, vetted, pinned, and no more.
  virtual Task<Result<std::unique_ptr<ByteStream>>> connect(HttpConnect target, std::stop_token stop);
};

// Reads the rest of the body; too_large past `limit` bytes.
Task<Result<std::string>> read_all(HttpResponse& response, std::size_t limit, std::stop_token stop);

}  // namespace librebird
