#pragma once

// The TLS context of the client: system trust store or a CA file, TLS 1.2 and up, sessions kept for reuse.
// Made at the first https request: it costs memory and time that a local-only installation never pays. Loop only.

#include <librebird/base/result.hpp>

#include <boost/asio/ssl/context.hpp>

#include <map>
#include <memory>
#include <string>

namespace librebird::net {

class TlsContext {
 public:
  // failed_precondition: the CA file cannot be read.
  static Result<std::unique_ptr<TlsContext>> make(const std::string& ca_file);

  [[nodiscard]] boost::asio::ssl::context& context() { return context_; }
  // Before the handshake: SNI, the name to check, an earlier session with that origin. `origin` outlives the SSL.
  Status prepare(SSL* ssl, const std::string& host, const std::string& origin);

 private:
  struct FreeSession {
    void operator()(SSL_SESSION* session) const { ::SSL_SESSION_free(session); }
  };
  TlsContext() : context_(boost::asio::ssl::context::tls_client) {}
  static int keep_session(SSL* ssl, SSL_SESSION* session);

  boost::asio::ssl::context context_;
  std::map<std::string, std::unique_ptr<SSL_SESSION, FreeSession>> sessions_;
};

}  // namespace librebird::net
