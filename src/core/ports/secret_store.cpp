#include <librebird/core/ports/secret_store.hpp>

#include <cstring>

namespace librebird {

SecretSet::~SecretSet() {
  for (Secret& secret : secrets) {
    if (!secret.value.empty()) ::explicit_bzero(secret.value.data(), secret.value.size());
  }
}

}  // namespace librebird
