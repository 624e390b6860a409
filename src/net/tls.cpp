#include "tls.hpp"

#include <boost/asio/ip/address.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace librebird::net {
namespace {

constexpr std::size_t kSessions = 64;

// Where an SSL keeps its origin and a context its owner.
int origin_index() {
  static const int index = ::SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}
int owner_index() {
  static const int index = ::SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::make(const std::string& ca_file) {
  std::unique_ptr<TlsContext> tls(new TlsContext);
  SSL_CTX* native = tls->context_.native_handle();
  ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  ::SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  ::SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  const bool trusted = ca_file.empty() ? ::SSL_CTX_set_default_verify_paths(native) == 1
                                       : ::SSL_CTX_load_verify_locations(native, ca_file.c_str(), nullptr) == 1;
  ::ERR_clear_error();
  if (!trusted) {
    return make_error(Code::failed_precondition, "The CA file \"" + ca_file + "\" cannot be read; check its path.");
  }
  ::SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  ::SSL_CTX_sess_set_new_cb(native, &TlsContext::keep_session);
  ::SSL_CTX_set_ex_data(native, owner_index(), tls.get());
  return tls;
}

int TlsContext::keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* owner = static_cast<TlsContext*>(::SSL_CTX_get_ex_data(::SSL_get_SSL_CTX(ssl), owner_index()));
  const auto* origin = static_cast<const std::string*>(::SSL_get_ex_data(ssl, origin_index()));
  if (owner == nullptr || origin == nullptr) return 0;
  auto& sessions = owner->sessions_;
  if (sessions.size() >= kSessions && !sessions.contains(*origin)) sessions.erase(sessions.begin());
  sessions[*origin].reset(session);
  return 1;  // the reference is ours now
}

Status TlsContext::prepare(SSL* ssl, const std::string& host, const std::string& origin) {
  boost::system::error_code not_numeric;
  boost::asio::ip::make_address(host, not_numeric);
  bool ready = true;
  if (not_numeric) {
    ready = ::SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 && ::SSL_set1_host(ssl, host.c_str()) == 1;
    ::SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  } else {
    ready = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl), host.c_str()) == 1;
  }
  if (!ready) return make_error(Code::unavailable, "TLS could not be set up for this host name");
  ::SSL_set_ex_data(ssl, origin_index(), const_cast<std::string*>(&origin));
  if (const auto known = sessions_.find(origin); known != sessions_.end()) ::SSL_set_session(ssl, known->second.get());
  return Ok{};
}

}  // namespace librebird::net
