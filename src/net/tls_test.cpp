// The client's TLS against a real TLS server with certificates made here.

#include "net_testing.hpp"

#include <librebird/net/http_client.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>

namespace librebird::net {
namespace {

using namespace testing;
using ::testing::HasSubstr;

struct Identity {
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
  Identity() = default;
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;
  ~Identity() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
};

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself.
void make(Identity& out, const std::string& name, const Identity* issuer) {
  out.key = EVP_EC_gen("P-256");
  out.certificate = X509_new();
  X509* cert = out.certificate;
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509* const signer = issuer == nullptr ? cert : issuer->certificate;
  X509_set_issuer_name(cert, X509_get_subject_name(signer));
  X509_set_pubkey(cert, out.key);
  extend(cert, signer, NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (issuer != nullptr) extend(cert, signer, NID_subject_alt_name, "DNS:" + name);
  X509_sign(cert, issuer == nullptr ? out.key : issuer->key, EVP_sha256());
}

Task<void> ask(HttpClient& client, HttpRequest request, std::string& body, std::optional<Error>& error) {
  auto response = co_await client.send(std::move(request), {});
  if (!response) {
    error = response.error();
    co_return;
  }
  auto all = co_await read_all(**response, 1000, {});
  if (all) body = *all;
  if (!all) error = all.error();
}

class Tls : public ::testing::Test {
 protected:
  void SetUp() override {
    make(authority_, "Test CA", nullptr);
    make(identity_, "good.example", &authority_);
    file_ = std::filesystem::temp_directory_path() / ("librebird_ca_" + std::to_string(::getpid()) + ".pem");
    FILE* out = std::fopen(file_.c_str(), "w");
    PEM_write_X509(out, authority_.certificate);
    std::fclose(out);
    context_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context_, identity_.certificate);
    SSL_CTX_use_PrivateKey(context_, identity_.key);
  }
  void TearDown() override {
    SSL_CTX_free(context_);
    std::filesystem::remove(file_);
  }
  // Answers one request over TLS; remembers the name asked for and whether a session was reused.
  ScriptedServer::Script answers(std::string answer, bool clean = true) {
    return [this, answer, clean](RawSocket& socket) {
      SSL* ssl = SSL_new(context_);
      SSL_set_fd(ssl, socket.fd());
      if (SSL_accept(ssl) == 1) {
        const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        server_name_ = name != nullptr ? name : "";
        resumed_ = SSL_session_reused(ssl) == 1;
        char buffer[4096];
        if (SSL_read(ssl, buffer, sizeof buffer) > 0) SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
        if (clean) SSL_shutdown(ssl);
      }
      SSL_free(ssl);
    };
  }
  std::optional<Error> get(const ScriptedServer& server, const std::string& host, const std::string& ca) {
    if (!client_) {
      const std::string at = "127.0.0.1:" + std::to_string(server.port());
      client_ =
          make_http_client(loop_, pool_, {.connect_to = {{"good.example", at}, {"other.example", at}}, .ca_file = ca});
    }
    std::optional<Error> error;
    run(loop_, ask(*client_, {.url = "https://" + host + "/"}, body_, error));
    return error;
  }

  Identity authority_;
  Identity identity_;
  std::filesystem::path file_;
  SSL_CTX* context_ = nullptr;
  std::string server_name_;
  bool resumed_ = false;
  std::string body_;
  Loop loop_;
  Pool pool_{"resolver", 1};
  std::unique_ptr<HttpClient> client_;
};

TEST_F(Tls, TalksToATrustedHostAndResumes) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  ScriptedServer server({answers(answer), answers(answer)});
  EXPECT_EQ(get(server, "good.example", file_), std::nullopt);
  EXPECT_EQ(body_, "ok");
  EXPECT_EQ(server_name_, "good.example");
  EXPECT_FALSE(resumed_);
  EXPECT_EQ(get(server, "good.example", file_), std::nullopt);
  EXPECT_TRUE(resumed_);
}

TEST_F(Tls, RefusesAnotherHostName) {
  ScriptedServer server({answers("")});
  const auto error = get(server, "other.example", file_);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Code::unavailable);
  EXPECT_THAT(error->message, HasSubstr("certificate"));
}

TEST_F(Tls, RefusesAnUnknownAuthority) {
  ScriptedServer server({answers("")});
  const auto error = get(server, "good.example", "");
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message, HasSubstr("certificate"));
}

TEST_F(Tls, RefusesATruncatedBody) {
  ScriptedServer server({answers("HTTP/1.1 200 OK\r\n\r\npart", false), answers("HTTP/1.1 200 OK\r\n\r\nwhole")});
  EXPECT_TRUE(get(server, "good.example", file_));
  EXPECT_EQ(get(server, "good.example", file_), std::nullopt);
  EXPECT_EQ(body_, "whole");
}

TEST_F(Tls, SaysThatTheCaFileIsUnreadable) {
  ScriptedServer server({answers("")});
  const auto error = get(server, "good.example", "/does/not/exist.pem");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Code::failed_precondition);
}

TEST_F(Tls, SaysThatThePeerDoesNotSpeakTls) {
  ScriptedServer server({[](RawSocket& socket) {
    socket.read_some();
    socket.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  }});
  const auto error = get(server, "good.example", file_);
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message, HasSubstr("handshake"));
}

}  // namespace
}  // namespace librebird::net
