#include "key_set.hpp"

#include "base64url.hpp"

#include <librebird/net/foreign_json.hpp>

#include <boost/json/object.hpp>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>

namespace librebird::gateway::oidc {
namespace {

namespace json = boost::json;

constexpr int kLeastRsaBits = 2048;
constexpr int kMostRsaBits = 8192;
constexpr std::size_t kCoordinate = 32;  // P-256, Ed25519

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<::EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<::EVP_PKEY_CTX_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Deleter<::EVP_MD_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<::BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<::OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Deleter<::OSSL_PARAM_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Deleter<::ECDSA_SIG_free>>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Number number_of(std::string_view bytes) {
  return Number(::BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

Key from_parameters(const char* kind, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(::OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(::EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || ::EVP_PKEY_fromdata_init(context.get()) != 1 ||
      ::EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  Key made(key);
  const KeyContext check(::EVP_PKEY_CTX_new(made.get(), nullptr));
  return check && ::EVP_PKEY_public_check(check.get()) == 1 ? std::move(made) : nullptr;
}

Key rsa_key(const json::object& jwk) {
  const auto modulus = from_base64url(net::text_at(jwk, "n"));
  const auto exponent = from_base64url(net::text_at(jwk, "e"));
  if (!modulus || !exponent || modulus->size() > kMostRsaBits / 8 || exponent->size() > 4) return nullptr;
  const Number n = number_of(*modulus);
  const Number e = number_of(*exponent);
  if (!n || !e || ::BN_num_bits(n.get()) < kLeastRsaBits) return nullptr;
  const Builder builder(::OSSL_PARAM_BLD_new());
  if (!builder || ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return from_parameters("RSA", builder.get());
}

Key ec_key(const json::object& jwk) {
  const auto x = from_base64url(net::text_at(jwk, "x"));
  const auto y = from_base64url(net::text_at(jwk, "y"));
  if (net::text_at(jwk, "crv") != "P-256" || !x || !y || x->size() != kCoordinate || y->size() != kCoordinate) {
    return nullptr;
  }
  const std::string point = "\x04" + *x + *y;
  const Builder builder(::OSSL_PARAM_BLD_new());
  if (!builder || ::OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      ::OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return nullptr;
  }
  return from_parameters("EC", builder.get());
}

Key ed25519_key(const json::object& jwk) {
  const auto x = from_base64url(net::text_at(jwk, "x"));
  if (net::text_at(jwk, "crv") != "Ed25519" || !x || x->size() != kCoordinate) return nullptr;
  return Key(::EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()));
}

// JOSE writes r and s side by side; OpenSSL wants DER. Empty: not of that shape.
std::string der_of(std::string_view signature) {
  if (signature.size() != 2 * kCoordinate) return {};
  Signature made(::ECDSA_SIG_new());
  Number r = number_of(signature.substr(0, kCoordinate));
  Number s = number_of(signature.substr(kCoordinate));
  if (!made || !r || !s || ::ECDSA_SIG_set0(made.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();
  (void)s.release();
  unsigned char* out = nullptr;
  const int size = ::i2d_ECDSA_SIG(made.get(), &out);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<char*>(out), static_cast<std::size_t>(size));
  ::OPENSSL_free(out);
  return der;
}

bool pad(EVP_PKEY_CTX* context, Algorithm algorithm) {
  if (algorithm == Algorithm::rs256) return ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  if (algorithm == Algorithm::ps256) {
    return ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           ::EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  return true;
}

std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::rs256: return "RS256";
    case Algorithm::ps256: return "PS256";
    case Algorithm::es256: return "ES256";
    case Algorithm::eddsa: return "EdDSA";
  }
  return "";
}

}  // namespace

struct PublicKey::Native {
  Key key;
};

std::optional<Algorithm> algorithm_from(std::string_view name) {
  for (const Algorithm one : {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::eddsa}) {
    if (name == name_of(one)) return one;
  }
  return std::nullopt;
}

PublicKey::PublicKey(std::shared_ptr<const Native> native, std::string id, std::string algorithm)
    : native_(std::move(native)), id_(std::move(id)), algorithm_(std::move(algorithm)) {}

bool PublicKey::serves(Algorithm algorithm) const {
  if (!algorithm_.empty() && algorithm_ != name_of(algorithm)) return false;
  switch (::EVP_PKEY_get_base_id(native_->key.get())) {
    case EVP_PKEY_RSA: return algorithm == Algorithm::rs256 || algorithm == Algorithm::ps256;
    case EVP_PKEY_EC: return algorithm == Algorithm::es256;
    case EVP_PKEY_ED25519: return algorithm == Algorithm::eddsa;
    default: return false;
  }
}

bool PublicKey::verifies(Algorithm algorithm, std::string_view text, std::string_view signature) const {
  if (!serves(algorithm)) return false;
  std::string der;
  if (algorithm == Algorithm::es256) {
    der = der_of(signature);
    if (der.empty()) return false;
    signature = der;
  }
  const Digest digest(::EVP_MD_CTX_new());
  EVP_PKEY_CTX* context = nullptr;  // the digest's
  const EVP_MD* hash = algorithm == Algorithm::eddsa ? nullptr : ::EVP_sha256();
  const bool good =
      digest && ::EVP_DigestVerifyInit(digest.get(), &context, hash, nullptr, native_->key.get()) == 1 &&
      pad(context, algorithm) &&
      ::EVP_DigestVerify(digest.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
  ::ERR_clear_error();
  return good;
}

Result<std::vector<PublicKey>> parse_key_set(std::string_view text) {
  const auto set = net::parse_object(text);
  const auto* list = set ? set->if_contains("keys") : nullptr;
  if (list == nullptr || !list->is_array() || list->get_array().size() > kMostKeys) {
    return {Code::unavailable, "The identity provider's key set is not one, or has too many keys."};
  }
  std::vector<PublicKey> out;
  for (const json::value& entry : list->get_array()) {
    const auto* jwk = entry.if_object();
    if (jwk == nullptr) continue;
    const std::string use = net::text_at(*jwk, "use");
    if (!use.empty() && use != "sig") continue;
    const std::string kind = net::text_at(*jwk, "kty");
    Key key = kind == "RSA" ? rsa_key(*jwk) : kind == "EC" ? ec_key(*jwk) : kind == "OKP" ? ed25519_key(*jwk) : nullptr;
    if (!key) continue;
    auto native = std::make_shared<PublicKey::Native>();
    native->key = std::move(key);
    out.emplace_back(std::move(native), net::text_at(*jwk, "kid"), net::text_at(*jwk, "alg"));
  }
  ::ERR_clear_error();
  return out;
}

const PublicKey* choose(const std::vector<PublicKey>& keys, std::string_view id, Algorithm algorithm) {
  const PublicKey* chosen = nullptr;
  for (const PublicKey& key : keys) {
    if (!key.serves(algorithm) || (!id.empty() && key.id() != id)) continue;
    if (chosen != nullptr) return nullptr;  // which one?
    chosen = &key;
  }
  return chosen;
}

}  // namespace librebird::gateway::oidc
