#include "rpc_testkit.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>

namespace librebird::rpc {
namespace {

using namespace testkit;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

// An authority and certificates of it, in files of a temporary folder.
class Authority {
 public:
  explicit Authority(std::string name) : name_(std::move(name)), key_(make_key()), certificate_(nullptr, X509_free) {
    certificate_ = sign(key_.get(), name_ + " authority", true);
    write_certificate(path("ca"), certificate_.get());
  }
  // Paths of CA, certificate and key.
  RpcTlsFiles issue(const std::string& common_name) {
    const Key key = make_key();
    const Certificate certificate = sign(key.get(), common_name, false);
    write_certificate(path(common_name), certificate.get());
    std::FILE* file = std::fopen(path(common_name + "-key").c_str(), "w");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    return {path("ca"), path(common_name), path(common_name + "-key"), ""};
  }

 private:
  static Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }
  [[nodiscard]] std::string path(const std::string& what) const {
    return fmt::format("{}/rpc-{}-{}-{}.pem", testing::TempDir(), getpid(), name_, what);
  }
  static void write_certificate(const std::string& path, X509* certificate) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
  }
  Certificate sign(EVP_PKEY* key, const std::string& common_name, bool authority) {
    Certificate made(X509_new(), X509_free);
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_NAME* subject = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common_name.c_str()),
                               -1, -1, 0);
    X509_set_issuer_name(made.get(), authority ? subject : X509_get_subject_name(certificate_.get()));
    X509_set_pubkey(made.get(), key);
    add(made.get(), NID_basic_constraints, authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!authority) add(made.get(), NID_subject_alt_name, ("DNS:" + common_name).c_str());
    X509_sign(made.get(), authority ? key : key_.get(), EVP_sha256());
    return made;
  }
  static void add(X509* certificate, int what, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  std::string name_;
  int serial_ = 0;
  Key key_;
  Certificate certificate_;
};

RpcOptions with_tls(int port, RpcTlsFiles files) {
  RpcOptions options = options_for(port);
  options.secret.clear();
  options.tls = std::move(files);
  options.tls.server_name = "brain.test";
  return options;
}

Task<void> mutual_tls(Loop& loop) {
  Authority ours("ours");
  Authority theirs("theirs");
  ScriptedBrain brain;
  BrainServer server(loop, brain, with_tls(0, ours.issue("brain.test")));
  const Status started = server.start();
  EXPECT_TRUE(started);
  // A certificate of our authority is credential enough.
  auto good = make_brain_client(loop, with_tls(server.port(), ours.issue("gateway.test")));
  const auto model = co_await good->default_model();
  EXPECT_TRUE(model) << model.error().message;
  // One of another authority is not, though it trusts ours.
  RpcTlsFiles foreign = theirs.issue("gateway.test");
  foreign.ca = ours.issue("x").ca;
  auto stranger = make_brain_client(loop, with_tls(server.port(), foreign));
  EXPECT_FALSE(co_await stranger->default_model());
  // No plaintext, whatever secret it brings.
  auto plain = make_brain_client(loop, options_for(server.port()));
  EXPECT_FALSE(co_await plain->default_model());
  // A server of another name is not talked to.
  RpcOptions other = with_tls(server.port(), ours.issue("gateway.test"));
  other.tls.server_name = "hands.test";
  auto picky = make_brain_client(loop, other);
  EXPECT_EQ((co_await picky->default_model()).error().code, Code::unavailable);
  co_await server.stop();
}
TEST(RpcTls, MutualTlsIsACredential) { run(mutual_tls); }

Task<void> secret_on_top(Loop& loop) {
  Authority ours("ours");
  ScriptedBrain brain;
  RpcOptions both = with_tls(0, ours.issue("brain.test"));
  both.secret = options_for(0).secret;
  BrainServer server(loop, brain, both);
  const Status started = server.start();
  EXPECT_TRUE(started);
  both.address = options_for(server.port()).address;
  auto good = make_brain_client(loop, both);
  EXPECT_TRUE(co_await good->default_model());
  both.secret.clear();
  auto certificate_only = make_brain_client(loop, both);
  EXPECT_EQ((co_await certificate_only->default_model()).error().code, Code::unauthenticated);
  co_await server.stop();
}
TEST(RpcTls, SecretIsCheckedOnTopOfTls) { run(secret_on_top); }

Task<void> missing_files(Loop& loop) {
  ScriptedBrain brain;
  const RpcTlsFiles nowhere{"/nowhere/ca", "/nowhere/cert", "/nowhere/key", ""};
  BrainServer server(loop, brain, with_tls(0, nowhere));
  EXPECT_EQ(server.start().error().code, Code::failed_precondition);
  auto client = make_brain_client(loop, with_tls(1, nowhere));
  EXPECT_EQ((co_await client->default_model()).error().code, Code::failed_precondition);
}
TEST(RpcTls, MissingFilesAreSaid) { run(missing_files); }

}  // namespace
}  // namespace librebird::rpc
