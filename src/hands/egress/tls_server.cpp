#include "tls_server.hpp"

#include "ascii.hpp"

#include <librebird/hands/egress/policy.hpp>

#include <openssl/err.h>

#include <fmt/format.h>

#include <string_view>

namespace librebird::egress {
namespace {

int peer_index() {
  static const int index = ::SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

TlsServer::Peer* peer_of(SSL* ssl) { return static_cast<TlsServer::Peer*>(::SSL_get_ex_data(ssl, peer_index())); }

// A name that differs from the CONNECT's is how one host is asked for and another one meant.
int check_name(SSL* ssl, int* alert, void* /*unused*/) {
  TlsServer::Peer* const peer = peer_of(ssl);
  const char* const name = ::SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (peer == nullptr) return SSL_TLSEXT_ERR_ALERT_FATAL;
  if (name == nullptr || same(name, peer->host)) return SSL_TLSEXT_ERR_OK;
  peer->refusal =
      fmt::format("The TLS handshake names {}, but the connection was asked for {}.", printable(name, 100), peer->host);
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                    unsigned int in_size, void* /*unused*/) {
  for (const std::string_view ours : {"http/1.1", "http/1.0"}) {
    for (unsigned int at = 0; at < in_size;) {
      const unsigned int size = in[at];
      if (at + 1 + size > in_size) break;
      if (std::string_view(reinterpret_cast<const char*>(in + at + 1), size) == ours) {
        *out = in + at + 1;
        *out_size = static_cast<unsigned char>(size);
        return SSL_TLSEXT_ERR_OK;
      }
      at += 1 + size;
    }
  }
  if (TlsServer::Peer* const peer = peer_of(ssl)) {
    peer->refusal = "The program offers no HTTP/1.1; only a host marked tunnel: can be spoken with in other protocols.";
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Error failed() {
  ::ERR_clear_error();
  return make_error(Code::internal, "TLS for the egress fence cannot be set up; see that OpenSSL works.");
}

}  // namespace

Result<std::unique_ptr<TlsServer>> TlsServer::make() {
  std::unique_ptr<TlsServer> made(new TlsServer);
  made->context_.reset(::SSL_CTX_new(::TLS_server_method()));
  SSL_CTX* const context = made->context_.get();
  if (context == nullptr || ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) return failed();
  ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  ::SSL_CTX_set_num_tickets(context, 0);
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_tlsext_servername_callback(context, &check_name);
  ::SSL_CTX_set_alpn_select_cb(context, &choose_protocol, nullptr);
  return made;
}

Result<SSL*> TlsServer::session(Authority& authority, Peer& peer) {
  LB_TRY(leaf, authority.leaf(peer.host));
  std::unique_ptr<SSL, Release<&::SSL_free>> ssl(::SSL_new(context_.get()));
  if (!ssl || ::SSL_use_certificate(ssl.get(), leaf) != 1 ||
      ::SSL_use_PrivateKey(ssl.get(), authority.leaf_key()) != 1 ||
      ::SSL_set_ex_data(ssl.get(), peer_index(), &peer) != 1) {
    return failed();
  }
  return ssl.release();
}

}  // namespace librebird::egress
