#include "system_roots.hpp"

#include <openssl/x509.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace librebird::egress {

std::string system_roots() {
  const char* named = std::getenv("SSL_CERT_FILE");
  const std::array<std::string, 5> places = {named != nullptr ? named : "", ::X509_get_default_cert_file(),
                                             "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                             "/etc/ssl/cert.pem"};
  for (const std::string& place : places) {
    std::ifstream file(place, std::ios::binary);
    if (place.empty() || !file) continue;
    std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.find("-----BEGIN CERTIFICATE-----") != std::string::npos) return text;
  }
  return {};
}

}  // namespace librebird::egress
