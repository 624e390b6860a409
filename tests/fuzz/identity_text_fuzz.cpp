// What people type to sign in: addresses, passwords, codes, ranges. Normal forms are stable.
#include <librebird/core/credentials/email.hpp>
#include <librebird/core/credentials/password.hpp>
#include <librebird/core/credentials/totp.hpp>
#include <librebird/core/policy/address.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace librebird;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto email = normal_email(text)) {
    const auto again = normal_email(*email);
    if (!again || *again != *email) std::abort();
    if (email->find_first_of("\r\n <>,;") != std::string::npos) std::abort();
  }
  if (const auto password = normal_password(text)) {
    const auto again = normal_password(*password);
    if (!again || *again != *password || password->size() > kMostPasswordBytes) std::abort();
  }
  const std::string half(text.substr(0, size / 2));
  (void)check_new_password(text, std::span(&half, 1));
  (void)totp_step("12345678901234567890", text, 1'700'000'000'000);
  if (const std::string hash = recovery_hash(text); !hash.empty() && hash.size() != 64) std::abort();
  if (const auto range = policy::AddressRange::parse(text)) {
    const auto again = policy::AddressRange::parse(range->text());
    if (!again || again->text() != range->text()) std::abort();
  }
  (void)policy::address_block(text);
  return 0;
}
