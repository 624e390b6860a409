#pragma once

// The certificate authority of one call, and the leaf certificates it signs. ECDSA P-256 (SHA-256). Keys live in memory
// only. Thread rule: an authority is used by one thread at a time; making one touches nothing shared.

#include <librebird/base/result.hpp>

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>

namespace librebird::egress {

template <auto Free>
struct Release {
  template <class T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Release<&::EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Release<&::X509_free>>;

class Authority {
 public:
  static Result<std::unique_ptr<Authority>> make();

  [[nodiscard]] const std::string& certificate_pem() const { return pem_; }
  // The certificate for a host (name or address), made at the first time it is asked for. Bounded.
  Result<X509*> leaf(const std::string& host);
  // Of all leaves.
  [[nodiscard]] EVP_PKEY* leaf_key() const { return leaf_key_.get(); }

 private:
  Authority() = default;

  KeyPtr key_;
  CertificatePtr certificate_;
  std::string pem_;
  KeyPtr leaf_key_;
  std::map<std::string, CertificatePtr> leaves_;
};

}  // namespace librebird::egress
