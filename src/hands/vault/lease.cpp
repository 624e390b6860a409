#include <librebird/hands/vault/lease.hpp>

#include <cstring>
#include <utility>

namespace librebird::vault {

void wipe(std::string& text) {
  // The whole of its memory: an assignment may have left a longer value's end behind.
  text.resize(text.capacity());
  if (!text.empty()) ::explicit_bzero(text.data(), text.size());
  text.clear();
}

SecretLease::~SecretLease() { wipe(value); }

// A short value lives inside the object and is copied, not moved: what is left behind is wiped too.
SecretLease::SecretLease(SecretLease&& other) noexcept
    : name(std::move(other.name)),
      placeholder(std::move(other.placeholder)),
      value(std::move(other.value)),
      hosts(std::move(other.hosts)) {
  wipe(other.value);
}

SecretLease& SecretLease::operator=(const SecretLease& other) {
  if (this == &other) return *this;
  wipe(value);
  name = other.name;
  placeholder = other.placeholder;
  value = other.value;
  hosts = other.hosts;
  return *this;
}

SecretLease& SecretLease::operator=(SecretLease&& other) noexcept {
  if (this == &other) return *this;
  wipe(value);
  name = std::move(other.name);
  placeholder = std::move(other.placeholder);
  value = std::move(other.value);
  hosts = std::move(other.hosts);
  wipe(other.value);
  return *this;
}

}  // namespace librebird::vault
