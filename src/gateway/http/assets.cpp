#include "assets.hpp"

#include <zlib.h>

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

// True for all browsers; not for curl and the like.
bool takes_gzip(const net::Request& request) {
  const std::string_view accepted = request.header("accept-encoding").value_or("");
  const std::size_t at = accepted.find("gzip");
  return at != std::string_view::npos && !accepted.substr(at + 4).starts_with(";q=0");
}

std::string unzip(std::string_view zipped) {
  constexpr int kGzip = 16 + MAX_WBITS;
  z_stream stream{};
  if (::inflateInit2(&stream, kGzip) != Z_OK) return {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zipped.data()));
  stream.avail_in = static_cast<uInt>(zipped.size());
  std::string content;
  int outcome = Z_OK;
  while (outcome == Z_OK) {
    const std::size_t done = content.size();
    content.resize(std::max<std::size_t>(2 * done, 4 * zipped.size() + 64));
    stream.next_out = reinterpret_cast<Bytef*>(content.data() + done);
    stream.avail_out = static_cast<uInt>(content.size() - done);
    outcome = ::inflate(&stream, Z_NO_FLUSH);
    content.resize(content.size() - stream.avail_out);
  }
  ::inflateEnd(&stream);
  return content;
}

}  // namespace

std::optional<net::Response> serve_asset(const net::Request& request) {
  const Asset* asset = find(request.path == "/" ? "/index.html" : std::string_view(request.path));
  const std::string_view name = std::string_view(request.path).substr(request.path.rfind('/') + 1);
  if (asset == nullptr && name.find('.') == std::string_view::npos) asset = find("/index.html");
  if (asset == nullptr) return std::nullopt;
  net::Response response;
  const bool zipped = asset->gzipped && takes_gzip(request);
  std::string etag(asset->etag);
  if (asset->gzipped && !zipped) etag.insert(etag.size() - 1, "-plain");
  response.headers = {{"ETag", etag},
                      {"Cache-Control", asset->immutable ? "public, max-age=31536000, immutable" : "no-cache"},
                      {"X-Content-Type-Options", "nosniff"}};
  if (request.header("if-none-match") == etag) {
    response.status = 304;
    return response;
  }
  response.headers.emplace_back("Content-Type", asset->type);
  if (asset->gzipped) response.headers.emplace_back("Vary", "Accept-Encoding");
  if (zipped) response.headers.emplace_back("Content-Encoding", "gzip");
  if (asset->type.starts_with("text/html")) {
    response.headers.emplace_back("Content-Security-Policy", kContentSecurityPolicy);
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    response.headers.emplace_back("X-Frame-Options", "DENY");
  }
  if (asset->gzipped && !zipped) {
    response.body = unzip(asset->content);
  } else {
    response.static_body = asset->content;
  }
  return response;
}

}  // namespace librebird::gateway
