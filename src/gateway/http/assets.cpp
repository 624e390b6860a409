#include "assets.hpp"

#include <algorithm>

namespace librebird::gateway {
namespace {

// Nothing but our own files, no framing, no referrer: the page holds a whole life's conversations.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src "
    "'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
    "'none'";

const Asset* find(std::string_view path) {
  const auto assets = embedded_assets();
  const auto found = std::ranges::find(assets, path, &Asset::path);
  return found == assets.end() ? nullptr : &*found;
}

}  // namespace

std::optional<net::Response> serve_asset(const net::Request& request) {
  const Asset* asset = find(request.path == "/" ? "/index.html" : std::string_view(request.path));
  const std::string_view name = std::string_view(request.path).substr(request.path.rfind('/') + 1);
  if (asset == nullptr && name.find('.') == std::string_view::npos) asset = find("/index.html");
  if (asset == nullptr) return std::nullopt;
  net::Response response;
  response.headers = {{"ETag", std::string(asset->etag)},
                      {"Cache-Control", asset->immutable ? "public, max-age=31536000, immutable" : "no-cache"},
                      {"X-Content-Type-Options", "nosniff"}};
  if (request.header("if-none-match") == asset->etag) {
    response.status = 304;
    return response;
  }
  response.headers.emplace_back("Content-Type", asset->type);
  if (asset->gzipped) response.headers.emplace_back("Content-Encoding", "gzip");
  if (asset->type.starts_with("text/html")) {
    response.headers.emplace_back("Content-Security-Policy", kContentSecurityPolicy);
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    response.headers.emplace_back("X-Frame-Options", "DENY");
  }
  response.static_body = asset->content;
  return response;
}

}  // namespace librebird::gateway
