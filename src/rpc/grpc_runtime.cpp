#include "grpc_runtime.hpp"

#include <librebird/base/log.hpp>

#include <fmt/format.h>
#include <grpc/support/log.h>

#include <fstream>
#include <iterator>
#include <mutex>
#include <vector>

namespace librebird::rpc {
namespace {

void forward_log(gpr_log_func_args* line) {
  const log::Level level = line->severity == GPR_LOG_SEVERITY_ERROR  ? log::Level::warn
                           : line->severity == GPR_LOG_SEVERITY_INFO ? log::Level::info
                                                                     : log::Level::debug;
  log::write(level, "gRPC", {{"detail", line->message}, {"source_line", line->line}});
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.empty()) {
    return {Code::failed_precondition, fmt::format("Cannot read {}; check rpc.ca_file, rpc.certificate_file and "
                                                   "rpc.key_file.",
                                                   path)};
  }
  return text;
}

}  // namespace

void prepare_grpc() {
  static std::once_flag once;
  std::call_once(once, [] { gpr_set_log_function(forward_log); });
}

grpc::ByteBuffer to_buffer(const std::string& message) {
  const grpc::Slice slice(message);
  return {&slice, 1};
}

std::string from_buffer(const grpc::ByteBuffer& buffer) {
  std::string text;
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return text;
  text.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

Result<PemFiles> read_pem_files(const RpcTlsFiles& files) {
  LB_TRY(ca, read_file(files.ca));
  LB_TRY(certificate, read_file(files.certificate));
  LB_TRY(key, read_file(files.key));
  return PemFiles{std::move(ca), std::move(certificate), std::move(key)};
}

}  // namespace librebird::rpc
