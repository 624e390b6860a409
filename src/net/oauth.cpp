#include <librebird/net/oauth.hpp>

#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include <openssl/evp.h>

#include <array>

namespace librebird::net {
namespace {

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string percent_encoded(std::string_view text) {
  return boost::urls::encode({text.data(), text.size()}, boost::urls::unreserved_chars);
}

}  // namespace

std::string form_encoded(const Form& form) {
  std::string out;
  for (const auto& [name, value] : form) {
    if (!out.empty()) out += '&';
    out += name + "=" + percent_encoded(value);
  }
  return out;
}

std::string basic_authorization(std::string_view id, std::string_view secret) {
  return "Basic " + base64(percent_encoded(id) + ":" + percent_encoded(secret));
}

std::string pkce_challenge(std::string_view verifier) {
  std::array<unsigned char, 32> hash{};
  ::EVP_Digest(verifier.data(), verifier.size(), hash.data(), nullptr, ::EVP_sha256(), nullptr);
  std::string out = base64(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

}  // namespace librebird::net
