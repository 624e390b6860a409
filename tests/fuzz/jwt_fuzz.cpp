// Access tokens: whatever arrives is refused or reads back as what was signed; with the right signature as well.
#include <librebird/core/credentials/jwt.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

using namespace librebird;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string key(32, 'k');
  constexpr std::int64_t kNow = 1'700'000'000;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)is_token(text);
  // Nobody finds a signature by chance.
  if (verify_token(text, key, kNow).ok() && size < 100) std::abort();
  // The address goes in and comes back unchanged, whatever is in it.
  TokenClaims claims;
  claims.user_id = "018bcfe5-6800-7000-8000-000000000001";
  claims.session_id = claims.user_id;
  claims.email = std::string(text.substr(0, 4096));
  claims.workspaces = {{claims.user_id, Role::member}};
  claims.issued_at = kNow;
  claims.expires_at = kNow + 60;
  const std::string token = sign_token(claims, key);
  const auto read = verify_token(token, key, kNow);
  if (size > 1500) return 0;  // may be beyond the limit once it is escaped
  if (!read || read->user_id != claims.user_id || read->expires_at != claims.expires_at) std::abort();
  std::string altered = token;
  const std::size_t at = size == 0 ? 0 : data[0] % altered.size();
  altered[at] = altered[at] == 'A' ? 'B' : 'A';
  if (verify_token(altered, key, kNow).ok()) std::abort();
  return 0;
}
