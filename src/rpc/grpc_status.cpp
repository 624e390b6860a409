#include "grpc_status.hpp"

#include "codec.hpp"

#include <fmt/format.h>

#include <array>

namespace librebird::rpc {
namespace {

// HTTP/2 metadata is small (16 KiB for all of it, see RpcOptions users), and the text is in it twice.
constexpr std::size_t kDetailsMessage = 4096;
constexpr std::size_t kPlainMessage = 512;

constexpr std::array<std::pair<Code, grpc::StatusCode>, 13> kCodes{{
    {Code::invalid_argument, grpc::StatusCode::INVALID_ARGUMENT},
    {Code::unauthenticated, grpc::StatusCode::UNAUTHENTICATED},
    {Code::permission_denied, grpc::StatusCode::PERMISSION_DENIED},
    {Code::not_found, grpc::StatusCode::NOT_FOUND},
    {Code::already_exists, grpc::StatusCode::ALREADY_EXISTS},
    {Code::failed_precondition, grpc::StatusCode::FAILED_PRECONDITION},
    {Code::resource_exhausted, grpc::StatusCode::RESOURCE_EXHAUSTED},
    {Code::unavailable, grpc::StatusCode::UNAVAILABLE},
    {Code::deadline_exceeded, grpc::StatusCode::DEADLINE_EXCEEDED},
    {Code::cancelled, grpc::StatusCode::CANCELLED},
    {Code::too_large, grpc::StatusCode::OUT_OF_RANGE},
    {Code::data_loss, grpc::StatusCode::DATA_LOSS},
    {Code::internal, grpc::StatusCode::INTERNAL},
}};

// Printable ASCII only: the plain message is for people with a gRPC tool.
std::string plain(std::string_view message) {
  std::string text(message.substr(0, kPlainMessage));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

// What gRPC reports by itself.
Error own_words(const grpc::Status& status, std::string_view peer, bool stopped) {
  const std::string cause = plain(status.error_message());
  switch (status.error_code()) {
    case grpc::StatusCode::CANCELLED:
      if (stopped) return make_error(Code::cancelled, "The call was stopped.");
      return make_error(Code::unavailable, fmt::format("Lost {}: it dropped the call; try again.", peer));
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::ABORTED:
      return make_error(Code::unavailable,
                        fmt::format("Cannot reach {} ({}); check that it runs, then try again.", peer, cause));
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::INTERNAL:
      // Broken streams come as these too; nothing of ours sends them without details.
      return make_error(Code::unavailable, fmt::format("The connection to {} broke ({}); try again.", peer, cause));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return make_error(Code::deadline_exceeded, fmt::format("No answer in time from {}; try again.", peer));
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      if (cause.find("larger than max") != std::string::npos) {
        return make_error(Code::too_large, fmt::format("A message to or from {} is over the limit ({}).", peer, cause));
      }
      return make_error(Code::resource_exhausted, fmt::format("Overloaded: {} ({}); try again later.", peer, cause));
    case grpc::StatusCode::UNIMPLEMENTED:
      return make_error(Code::failed_precondition,
                        fmt::format("This call is unknown to {}: run the same version on both sides.", peer));
    case grpc::StatusCode::UNAUTHENTICATED:
      return make_error(Code::unauthenticated,
                        fmt::format("Refused by {} ({}); check LIBREBIRD_RPC_SECRET on both sides.", peer, cause));
    default: break;
  }
  for (const auto& [code, grpc_code] : kCodes) {
    if (grpc_code == status.error_code()) return make_error(code, fmt::format("Refused by {} ({}).", peer, cause));
  }
  return make_error(Code::internal, fmt::format("Unknown failure of {} ({}).", peer, cause));
}

}  // namespace

grpc::Status to_grpc(const Error& error) {
  grpc::StatusCode code = grpc::StatusCode::INTERNAL;
  for (const auto& [known, grpc_code] : kCodes) {
    if (known == error.code) code = grpc_code;
  }
  Error bounded = error;
  if (bounded.message.size() > kDetailsMessage) bounded.message.resize(kDetailsMessage);
  return {code, plain(error.message), to_wire(bounded)};
}

Error from_grpc(const grpc::Status& status, std::string_view peer, bool stopped) {
  if (!status.error_details().empty()) {
    if (auto error = error_from_wire(status.error_details())) return std::move(*error);
  }
  return own_words(status, peer, stopped);
}

}  // namespace librebird::rpc
