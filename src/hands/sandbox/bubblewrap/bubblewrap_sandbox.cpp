#include "bubblewrap_sandbox.hpp"

#include "command.hpp"

#include <librebird/base/process/process.hpp>

#include <unistd.h>

#include <utility>

namespace librebird::bubblewrap {
namespace {

constexpr std::uint64_t kOpenFiles = 256;

struct Pipes {
  PipeEnds input, output, error, status, filter, block;
};

Result<Pipes> make_pipes() {
  Pipes pipes;
  for (PipeEnds* pipe : {&pipes.input, &pipes.output, &pipes.error, &pipes.status, &pipes.filter, &pipes.block}) {
    LB_TRY(made, make_pipe());
    *pipe = std::move(made);
  }
  return pipes;
}

}  // namespace

BubblewrapSandbox::BubblewrapSandbox(Executor executor, std::string bwrap, Filters filters, ControlGroups groups)
    : executor_(executor), bwrap_(std::move(bwrap)), filters_(std::move(filters)), groups_(std::move(groups)) {}

Result<Started> BubblewrapSandbox::spawn(const std::vector<std::string>& command, const SandboxSpec& spec) {
  const bool single = is_single(spec);
  const std::string& filter = single ? filters_.single : filters_.many;
  LB_TRY(pipes, make_pipes());
  // The filter is a few kilobytes: it fits the pipe, and bubblewrap reads it to the end.
  if (::write(pipes.filter.write.get(), filter.data(), filter.size()) != static_cast<ssize_t>(filter.size())) {
    return make_error(Code::internal, "The system-call filter cannot be handed over; tools will not run.");
  }
  pipes.filter.write.reset();
  SpawnOptions options{.argv = command, .environment = spec.environment};
  options.working_directory = "/";
  options.fds = {{pipes.input.read.get(), 0},
                 {pipes.output.write.get(), 1},
                 {pipes.error.write.get(), 2},
                 {pipes.status.write.get(), kStatusFd},
                 {pipes.filter.read.get(), kFilterFd}};
  if (!single) options.fds.push_back({pipes.block.read.get(), kBlockFd});
  const SandboxLimits& limits = spec.limits;
  options.limits = {{ProcessLimit::address_space, static_cast<std::uint64_t>(limits.memory_bytes)},
                    {ProcessLimit::cpu_seconds, static_cast<std::uint64_t>(limits.cpu_seconds)},
                    {ProcessLimit::file_size, static_cast<std::uint64_t>(limits.file_bytes)},
                    {ProcessLimit::open_files, kOpenFiles},
                    {ProcessLimit::core_size, 0}};
  auto process = Process::spawn(executor_, std::move(options));
  if (!process) {
    // A missing or forbidden bubblewrap is a missing sandbox, not a fault of the call.
    const Code code = process.error().code;
    const bool missing = code == Code::not_found || code == Code::permission_denied;
    return make_error(missing ? Code::failed_precondition : code, process.error().message);
  }
  return Started{std::move(process).value(),  std::move(pipes.input.write), std::move(pipes.output.read),
                 std::move(pipes.error.read), std::move(pipes.status.read), std::move(pipes.block.write)};
}

Task<Result<std::unique_ptr<SandboxProcess>>> BubblewrapSandbox::start(SandboxSpec spec, std::stop_token stop) {
  if (bwrap_.empty()) co_return not_installed();
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "The tool was stopped before it began.");
  if (!spec.image.empty()) {
    co_return make_error(Code::failed_precondition,
                         "This tool runs in an image of its own, which the sandbox bubblewrap cannot do; configure the "
                         "sandbox for images.");
  }
  const bool single = is_single(spec);
  LB_CO_TRY(command, make_command(bwrap_, spec));
  LB_CO_TRY(started, spawn(command, spec));
  auto process =
      std::make_unique<BubblewrapProcess>(executor_, std::move(started), spec.limits,
                                          single ? ControlGroup() : ControlGroup::create(groups_, spec.limits), single);
  if (!single) LB_CO_CHECK(co_await process->release(stop));
  co_return std::unique_ptr<SandboxProcess>(std::move(process));
}

}  // namespace librebird::bubblewrap
