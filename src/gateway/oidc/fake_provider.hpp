#pragma once

// For this folder's tests: a provider made of keys, and an HTTP client that leads nowhere but to it.

#include "base64url.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/json_writer.hpp>
#include <librebird/core/ports/http_client.hpp>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <array>
#include <functional>
#include <map>
#include <memory>

namespace librebird::gateway::oidc::testing {

class FakeResponse final : public HttpResponse {
 public:
  FakeResponse(int status, std::string body) : status_(status), body_(std::move(body)) {}
  [[nodiscard]] int status() const override { return status_; }
  [[nodiscard]] const HttpHeaders& headers() const override { return headers_; }
  Task<Result<std::optional<std::string>>> read(std::stop_token) override {
    if (body_.empty()) co_return std::optional<std::string>();
    co_return std::optional<std::string>(std::exchange(body_, {}));
  }

 private:
  int status_;
  std::string body_;
  HttpHeaders headers_;
};

// Answers by address; everything else is away. Keeps what it was asked.
class FakeWeb final : public HttpClient {
 public:
  using Page = std::function<std::pair<int, std::string>(const HttpRequest&)>;
  Task<Result<std::unique_ptr<HttpResponse>>> send(HttpRequest request, std::stop_token) override {
    requests.push_back(request);
    const auto page = pages.find(request.url);
    if (page == pages.end()) co_return make_error(Code::unavailable, "nobody is there");
    auto [status, body] = page->second(request);
    co_return std::make_unique<FakeResponse>(status, std::move(body));
  }
  void put(const std::string& url, int status, std::string body) {
    pages[url] = [status, body](const HttpRequest&) { return std::pair(status, body); };
  }
  [[nodiscard]] int asked(const std::string& url) const {
    int count = 0;
    for (const HttpRequest& request : requests) count += request.url == url ? 1 : 0;
    return count;
  }

  std::map<std::string, Page> pages;
  std::vector<HttpRequest> requests;
};

// A private key that signs tokens and shows its public half as a JWK.
class SigningKey {
 public:
  SigningKey(std::string algorithm, std::string id, int bits = 2048)
      : algorithm_(std::move(algorithm)), id_(std::move(id)) {
    if (algorithm_ == "ES256") {
      key_.reset(::EVP_EC_gen("P-256"));
    } else if (algorithm_ == "EdDSA") {
      key_.reset(::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    } else {
      key_.reset(::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits)));
    }
  }

  [[nodiscard]] std::string jwk() const {
    JsonWriter json;
    json.begin_object().field("kid", id_).field("alg", algorithm_).field("use", "sig");
    if (algorithm_ == "ES256") {
      const std::string point = raw(OSSL_PKEY_PARAM_PUB_KEY);
      json.field("kty", "EC").field("crv", "P-256");
      json.field("x", to_base64url(number(OSSL_PKEY_PARAM_EC_PUB_X, 32)));
      json.field("y", to_base64url(number(OSSL_PKEY_PARAM_EC_PUB_Y, 32)));
    } else if (algorithm_ == "EdDSA") {
      json.field("kty", "OKP").field("crv", "Ed25519").field("x", to_base64url(raw(OSSL_PKEY_PARAM_PUB_KEY)));
    } else {
      json.field("kty", "RSA").field("n", to_base64url(number(OSSL_PKEY_PARAM_RSA_N, 0)));
      json.field("e", to_base64url(number(OSSL_PKEY_PARAM_RSA_E, 0)));
    }
    json.end_object();
    return std::move(json).take();
  }

  [[nodiscard]] std::string sign(const std::string& claims) const {
    return sign_raw(R"({"alg":")" + algorithm_ + R"(","kid":")" + id_ + R"("})", claims);
  }
  [[nodiscard]] std::string sign_raw(const std::string& head, const std::string& claims) const {
    const std::string text = to_base64url(head) + "." + to_base64url(claims);
    std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> digest(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free);
    EVP_PKEY_CTX* context = nullptr;
    ::EVP_DigestSignInit(digest.get(), &context, algorithm_ == "EdDSA" ? nullptr : ::EVP_sha256(), nullptr, key_.get());
    if (algorithm_ == "PS256") {
      ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING);
      ::EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST);
    }
    std::string out(1024, '\0');
    std::size_t size = out.size();
    ::EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                     reinterpret_cast<const unsigned char*>(text.data()), text.size());
    out.resize(size);
    if (algorithm_ == "ES256") out = side_by_side(out);
    return text + "." + to_base64url(out);
  }

 private:
  static std::string fixed(const BIGNUM* number, int size) {
    std::string out(static_cast<std::size_t>(size == 0 ? BN_num_bytes(number) : size), '\0');
    ::BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    return out;
  }
  static std::string side_by_side(const std::string& der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* signature = ::d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    const std::string out = fixed(::ECDSA_SIG_get0_r(signature), 32) + fixed(::ECDSA_SIG_get0_s(signature), 32);
    ::ECDSA_SIG_free(signature);
    return out;
  }
  [[nodiscard]] std::string number(const char* name, int size) const {
    BIGNUM* value = nullptr;
    ::EVP_PKEY_get_bn_param(key_.get(), name, &value);
    std::string out = fixed(value, size);
    ::BN_free(value);
    return out;
  }
  [[nodiscard]] std::string raw(const char* name) const {
    std::array<unsigned char, 256> out{};
    std::size_t size = 0;
    ::EVP_PKEY_get_octet_string_param(key_.get(), name, out.data(), out.size(), &size);
    return {reinterpret_cast<const char*>(out.data()), size};
  }

  std::string algorithm_;
  std::string id_;
  struct Free {
    void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
  };
  std::unique_ptr<EVP_PKEY, Free> key_;
};

// Runs a coroutine on a loop of this thread to its end.
inline Task<void> then_stop(Scope& scope, Loop& loop) {
  co_await scope.join();
  loop.stop();
}
inline void run(Loop& loop, Task<void> task) {
  Scope scope(loop.executor());
  Scope outer(loop.executor());
  scope.spawn(std::move(task), "test");
  outer.spawn(then_stop(scope, loop), "finish");
  loop.context().restart();
  loop.run();
  loop.context().restart();
  loop.context().poll();
}

}  // namespace librebird::gateway::oidc::testing
