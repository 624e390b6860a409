#include <librebird/core/ports/sign_in_provider.hpp>

namespace librebird::plugins {
namespace {

Result<std::optional<SignInProvider>> make(const Config& config) {
  auto client = sign_in_client(config, "google");
  if (!client) return std::optional<SignInProvider>();
  SignInProvider provider;
  provider.name = "google";
  provider.title = "Google";
  provider.client_id = std::move(client->id);
  provider.client_secret = std::move(client->secret);
  provider.issuer = "https://accounts.google.com";
  return std::optional<SignInProvider>(std::move(provider));
}

}  // namespace

SignInProviderPlugin sign_in_google() {
  return {{"google", "Sign in with Google", sign_in_client_keys("google", "GOOGLE"), ""}, make};
}

}  // namespace librebird::plugins
