#include "authority.hpp"

#include <librebird/hands/egress/policy.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <fmt/format.h>

#include <array>

namespace librebird::egress {
namespace {

constexpr std::size_t kMaxLeaves = 256;
// A worker's call may live for weeks; clocks inside and outside are one.
constexpr long kLifetimeSeconds = 90L * 24 * 3600;
constexpr long kBackdateSeconds = 3600;

Error failed() {
  ::ERR_clear_error();
  return make_error(Code::internal, "A certificate for the egress fence cannot be made; see that OpenSSL works.");
}

bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (::RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
  const std::unique_ptr<BIGNUM, Release<&::BN_free>> number(::BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number && ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(certificate)) != nullptr;
}

bool extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Release<&::X509_EXTENSION_free>> extension(
      ::X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && ::X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_name(X509_NAME* name, const std::string& text) {
  return ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
}

// Everything but extensions and signature.
CertificatePtr blank(const std::string& name, EVP_PKEY* key) {
  CertificatePtr made(::X509_new());
  const bool fine = made && ::X509_set_version(made.get(), X509_VERSION_3) == 1 && set_serial(made.get()) &&
                    ::X509_gmtime_adj(X509_getm_notBefore(made.get()), -kBackdateSeconds) != nullptr &&
                    ::X509_gmtime_adj(X509_getm_notAfter(made.get()), kLifetimeSeconds) != nullptr &&
                    set_name(::X509_get_subject_name(made.get()), name) && ::X509_set_pubkey(made.get(), key) == 1;
  return fine ? std::move(made) : nullptr;
}

std::string to_pem(X509* certificate) {
  const std::unique_ptr<BIO, Release<&::BIO_free_all>> out(::BIO_new(::BIO_s_mem()));
  if (!out || ::PEM_write_bio_X509(out.get(), certificate) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Result<std::unique_ptr<Authority>> Authority::make() {
  std::unique_ptr<Authority> made(new Authority);
  made->key_.reset(EVP_EC_gen("P-256"));
  if (!made->key_) return failed();
  made->certificate_ = blank("Libre Bird egress fence (one call)", made->key_.get());
  X509* const own = made->certificate_.get();
  const bool signed_well = own != nullptr && ::X509_set_issuer_name(own, ::X509_get_subject_name(own)) == 1 &&
                           extend(own, own, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                           extend(own, own, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                           extend(own, own, NID_subject_key_identifier, "hash") &&
                           ::X509_sign(own, made->key_.get(), ::EVP_sha256()) > 0;
  if (!signed_well) return failed();
  made->pem_ = to_pem(own);
  if (made->pem_.empty()) return failed();
  return made;
}

Result<X509*> Authority::leaf(const std::string& host) {
  if (const auto known = leaves_.find(host); known != leaves_.end()) return known->second.get();
  if (leaves_.size() >= kMaxLeaves) {
    return make_error(Code::resource_exhausted, "This call has spoken to too many different hosts.");
  }
  if (!leaf_key_) leaf_key_.reset(EVP_EC_gen("P-256"));
  if (!leaf_key_) return failed();
  // Names are longer than a common name may be, so the alternative name alone says whose it is.
  CertificatePtr made = blank("Libre Bird egress fence", leaf_key_.get());
  X509* const own = made.get();
  X509* const issuer = certificate_.get();
  const std::string name = (is_numeric_host(host) ? "IP:" : "DNS:") + host;
  const bool signed_well =
      own != nullptr && ::X509_set_issuer_name(own, ::X509_get_subject_name(issuer)) == 1 &&
      extend(own, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
      extend(own, issuer, NID_key_usage, "critical,digitalSignature") &&
      extend(own, issuer, NID_ext_key_usage, "serverAuth") && extend(own, issuer, NID_subject_key_identifier, "hash") &&
      extend(own, issuer, NID_authority_key_identifier, "keyid:always") &&
      extend(own, issuer, NID_subject_alt_name, name) && ::X509_sign(own, key_.get(), ::EVP_sha256()) > 0;
  if (!signed_well) return failed();
  leaves_[host] = std::move(made);
  return own;
}

}  // namespace librebird::egress
