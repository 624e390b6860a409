#pragma once

// One call's use of one secret. Inside the sandbox there is only the placeholder; the egress fence puts the value in
// its place on the way to the declared hosts, and the placeholder in the value's place on the way back.
// A lease serves one call: its placeholder is random and new each time, and its memory is wiped when it dies.

#include <string>
#include <vector>

namespace librebird::vault {

struct SecretLease {
  SecretLease() = default;
  SecretLease(std::string setting_name, std::string random_placeholder, std::string secret_value,
              std::vector<std::string> allowed_hosts)
      : name(std::move(setting_name)),
        placeholder(std::move(random_placeholder)),
        value(std::move(secret_value)),
        hosts(std::move(allowed_hosts)) {}
  ~SecretLease();
  SecretLease(const SecretLease&) = default;
  SecretLease& operator=(const SecretLease&);
  SecretLease(SecretLease&& other) noexcept;
  SecretLease& operator=(SecretLease&& other) noexcept;

  std::string name;  // of the skill's setting
  std::string placeholder;
  std::string value;
  std::vector<std::string> hosts;  // where it may be sent: "example.org", "*.example.org"
};

// Overwrites the text's memory, then empties it.
void wipe(std::string& text);

}  // namespace librebird::vault
