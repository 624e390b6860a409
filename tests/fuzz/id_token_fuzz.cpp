// fuzz-links: librebird_gateway_oidc
// Whatever a provider sends: read or refused, never believed without a key, and never a crash.
#include "id_token.hpp"
#include "pending.hpp"

#include <cstdint>
#include <cstdlib>

using namespace librebird::gateway::oidc;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto token = parse_id_token(text, "email_verified")) {
    if (check_claims(*token, {"https://issuer.example", "client", "", "access", 1'700'000'000})) std::abort();
    (void)check_claims(*token, {"https://issuer.example/{tenantid}", "client", "n", "access", 1'700'000'000});
  }
  if (const auto keys = parse_key_set(text)) {
    if (keys->size() > kMostKeys) std::abort();
    for (const PublicKey& key : *keys) {
      for (const Algorithm algorithm : {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::eddsa}) {
        (void)key.verifies(algorithm, "text", text.substr(0, 256));
      }
    }
  }
  (void)parse_claims(text, "email_verified");
  const PendingCodec codec("a key that nobody who feeds this knows");
  if (codec.open(text, 0)) std::abort();
  const std::string path = safe_return(text);
  if (!path.starts_with('/') || path.starts_with("//")) std::abort();
  return 0;
}
