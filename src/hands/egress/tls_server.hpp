#pragma once

// What the server's side of an inspected connection needs of OpenSSL: TLS 1.2 and up, ALPN http/1.1, the host that was
// asked for and no other. Loop only; one context for all calls, nothing of one call is kept in it.

#include "authority.hpp"

#include <memory>
#include <string>

namespace librebird::egress {

class TlsServer {
 public:
  static Result<std::unique_ptr<TlsServer>> make();

  // What the handshake callbacks see and report. Outlives the SSL.
  struct Peer {
    std::string host;
    std::string refusal;  // why the handshake was refused by us
  };
  // A new session with the leaf of `peer.host`; the caller owns it.
  Result<SSL*> session(Authority& authority, Peer& peer);

 private:
  TlsServer() = default;
  std::unique_ptr<SSL_CTX, Release<&::SSL_CTX_free>> context_;
};

}  // namespace librebird::egress
