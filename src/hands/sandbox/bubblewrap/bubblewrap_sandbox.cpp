#include "bubblewrap_sandbox.hpp"

#include "command.hpp"

#include <librebird/base/process/process.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string_view>
#include <utility>

namespace librebird::bubblewrap {
namespace {

constexpr std::uint64_t kOpenFiles = 256;
constexpr std::int64_t kReservedForMany = 8;

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

Fd in_memory(std::string_view text) {
  Fd file(memfd_create("etc", MFD_CLOEXEC));
  if (file && ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) file.reset();
  return file;
}

// With a place of its own to read from.
Result<Fd> reopened(const Fd& file) {
  Fd own(::open(fmt::format("/proc/self/fd/{}", file.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!own) return make_error(Code::internal, "The sandbox's files cannot be opened; is /proc there?");
  return own;
}

}  // namespace

BubblewrapSandbox::BubblewrapSandbox(Executor executor, std::string bwrap, std::string runner, Filters filters,
                                     ControlGroups groups)
    : executor_(executor),
      bwrap_(std::move(bwrap)),
      runner_(std::move(runner)),
      filters_(std::move(filters)),
      groups_(std::move(groups)) {
  for (const EtcFile& file : etc_files()) etc_.push_back(in_memory(file.text));
}

const std::string& BubblewrapSandbox::filter_of(const SandboxSpec& spec) const {
  if (is_single(spec)) return filters_.single;
  return spec.egress_directory.empty() ? filters_.many : filters_.network;
}

Result<Started> BubblewrapSandbox::spawn(const std::vector<std::string>& command, const SandboxSpec& spec) {
  const bool single = is_single(spec);
  const std::string& filter = filter_of(spec);
  LB_TRY(pipes, make_pipes());
  // The filter is a few kilobytes: it fits the pipe, and bubblewrap reads it to the end.
  if (::write(pipes.filter.write.get(), filter.data(), filter.size()) != static_cast<ssize_t>(filter.size())) {
    return make_error(Code::internal, "The system-call filter cannot be handed over; tools will not run.");
  }
  pipes.filter.write.reset();
  SpawnOptions options{.argv = command, .environment = spec.environment};
  options.die_with_parent = false;  // who tends it outlives us for as long as that takes
  options.working_directory = "/";
  options.fds = {{pipes.input.read.get(), 0},
                 {pipes.output.write.get(), 1},
                 {pipes.error.write.get(), 2},
                 {pipes.status.write.get(), kStatusFd},
                 {pipes.filter.read.get(), kFilterFd}};
  if (!single) options.fds.push_back({pipes.block.read.get(), kBlockFd});
  std::vector<Fd> files;  // open until bubblewrap has its own
  if (spec.system) {
    for (const Fd& text : etc_) {
      LB_TRY(file, reopened(text));
      options.fds.push_back({file.get(), kFirstFileFd + static_cast<int>(files.size())});
      files.push_back(std::move(file));
    }
  }
  const SandboxLimits& limits = spec.limits;
  // Threads reserve far more than they use. Many processes are held by what they use (control group or forwarder); a
  // single one by what it reserves, and nothing else.
  const std::int64_t usual = single ? limits.memory_bytes : limits.memory_bytes * kReservedForMany;
  const std::int64_t space = limits.address_space_bytes > 0 ? limits.address_space_bytes : usual;
  options.limits = {{ProcessLimit::address_space, static_cast<std::uint64_t>(space)},
                    {ProcessLimit::cpu_seconds, static_cast<std::uint64_t>(limits.cpu_seconds)},
                    {ProcessLimit::file_size, static_cast<std::uint64_t>(limits.file_bytes)},
                    {ProcessLimit::open_files, kOpenFiles},
                    {ProcessLimit::core_size, 0}};
  if (limits.data_bytes > 0)
    options.limits.push_back({ProcessLimit::data_size, static_cast<std::uint64_t>(limits.data_bytes)});
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
  if (runner_.empty()) {
    co_return make_error(
        Code::failed_precondition,
        "The runner librebird-tool is missing beside the program; reinstall, or build the target librebird-tool.");
  }
  ControlGroup group = single ? ControlGroup() : ControlGroup::create(groups_, spec.limits);
  Enclosure enclosure{.runner = runner_};
  // The kernel does not count the processes of root, whatever the namespace.
  enclosure.count_processes = getuid() == 0 && !group.limits_processes();
  enclosure.count_memory = !group.limits_memory();
  LB_CO_TRY(command, make_command(bwrap_, spec, enclosure));
  LB_CO_TRY(started, spawn(command, spec));
  auto process = std::make_unique<BubblewrapProcess>(executor_, std::move(started), spec.limits, std::move(group));
  if (!single) LB_CO_CHECK(co_await process->release(stop));
  co_return std::unique_ptr<SandboxProcess>(std::move(process));
}

}  // namespace librebird::bubblewrap
