#pragma once

// Connections for protocols other than HTTP: plain TCP that can become TLS at any moment (STARTTLS), or at once.
// Names are resolved on a pool; TLS is 1.2 and up, checked against the host's name and the system's trust store.
//
// Thread rule: loop only. Ownership: a connection may outlive its dialer. Every call ends by success, failure, its
// limit or the stop token; after any but success the connection is closed. Errors: unavailable (resolve, connect, TLS,
// reset), deadline_exceeded, cancelled, failed_precondition (the CA file cannot be read).

#include <librebird/base/async/pool.hpp>
#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

namespace librebird::net {

class DialedConnection {
 public:
  virtual ~DialedConnection() = default;
  // The next bytes; empty at the end of input.
  virtual Task<Result<std::string>> read(std::stop_token stop, Millis limit) = 0;
  virtual Task<Status> write(std::string bytes, std::stop_token stop, Millis limit) = 0;
  // From here on everything is encrypted. Bytes that were read before and not looked at yet are the caller's to refuse.
  virtual Task<Status> start_tls(std::stop_token stop, Millis limit) = 0;
};

class Dialer {
 public:
  virtual ~Dialer() = default;
  virtual Task<Result<std::unique_ptr<DialedConnection>>> dial(std::string host, std::uint16_t port,
                                                               std::stop_token stop, Millis limit) = 0;
};

// `ca_file` empty: the system's.
std::unique_ptr<Dialer> make_dialer(Loop& loop, Pool& resolver, std::string ca_file);

}  // namespace librebird::net
