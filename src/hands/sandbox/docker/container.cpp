#include "container.hpp"

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace librebird::docker {
namespace {

constexpr int kFewest = 16;

void ulimit(JsonWriter& json, std::string_view name, std::int64_t soft, std::int64_t hard) {
  json.begin_object().field("Name", name).field("Soft", soft).field("Hard", hard).end_object();
}

void bind_mount(JsonWriter& json, const std::string& source, const std::string& target, bool writable) {
  json.begin_object().field("Type", "bind").field("Source", source).field("Target", target);
  json.field("ReadOnly", !writable).key("BindOptions").begin_object().field("Propagation", "rprivate").end_object();
  json.end_object();
}

bool forwards(const SandboxSpec& spec) { return !spec.egress_directory.empty() && spec.limits.processes > 1; }

int processes(const SandboxSpec& spec, const ContainerPlan& plan) {
  // gVisor's kernel is a program of many threads, and they are what the host counts.
  if (plan.runtime.starts_with("runsc")) return 256 + 4 * spec.limits.processes;
  // The guard and the forwarder are there too. Fewer than a few are not possible: runc, which becomes the guard, is a
  // program of many threads as well, and crashes without them.
  return std::max(kFewest, spec.limits.processes + (forwards(spec) ? 2 : 1));
}

void limits(JsonWriter& json, const SandboxSpec& spec, const ContainerPlan& plan) {
  const SandboxLimits& limits = spec.limits;
  json.field("Memory", limits.memory_bytes).field("MemorySwap", limits.memory_bytes);  // the same: no swap
  json.field("NanoCpus", std::int64_t{1'000'000'000});
  json.field("PidsLimit", processes(spec, plan));
  json.key("Ulimits").begin_array();
  ulimit(json, "nofile", plan.nofile, plan.nofile);
  ulimit(json, "core", 0, 0);
  ulimit(json, "fsize", limits.file_bytes, limits.file_bytes);
  // At the soft limit the kernel says why it kills.
  ulimit(json, "cpu", limits.cpu_seconds, limits.cpu_seconds + 1);
  ulimit(json, "nproc", plan.nproc, plan.nproc);
  json.end_array();
}

void walls(JsonWriter& json, const SandboxSpec& spec, const ContainerPlan& plan) {
  json.field("NetworkMode", "none").field("IpcMode", "none").field("PidMode", "").field("CgroupnsMode", "private");
  if (!plan.userns.empty()) json.field("UsernsMode", plan.userns);
  json.field("ReadonlyRootfs", true).field("Privileged", false).field("Init", false).field("AutoRemove", true);
  json.key("CapDrop").begin_array().value("ALL").end_array();
  json.key("SecurityOpt").begin_array().value("no-new-privileges").value("seccomp=" + plan.seccomp).end_array();
  json.key("LogConfig").begin_object().field("Type", "none").end_object();
  json.key("RestartPolicy").begin_object().field("Name", "no").end_object();
  if (!plan.runtime.empty()) json.field("Runtime", plan.runtime);
  json.key("Tmpfs").begin_object();
  if (spec.limits.scratch_bytes > 0) {
    json.field("/tmp", fmt::format("rw,nosuid,nodev,exec,mode=1777,size={}", spec.limits.scratch_bytes));
  }
  // Podman gives a read-only container a second, unbounded scratch folder here; and nobody needs the kernel's tree.
  json.field("/var/tmp", "ro,nosuid,nodev,noexec,size=4096").field("/sys", "ro,nosuid,nodev,noexec,size=4096");
  json.end_object();
}

// One ustar header (POSIX.1-1988, IEEE Std 1003.1) of a folder.
std::string folder_header(std::string_view path, int mode) {
  std::array<char, 512> block{};
  const auto put = [&block](std::size_t at, std::string_view text) { std::ranges::copy(text, block.begin() + at); };
  put(0, path);
  put(100, fmt::format("{:07o}", mode));
  put(108, "0000000");
  put(116, "0000000");
  put(124, "00000000000");
  put(136, "00000000000");
  put(148, "        ");
  block[156] = '5';
  put(257, "ustar");
  put(263, "00");
  unsigned sum = 0;
  for (const char byte : block) sum += static_cast<unsigned char>(byte);
  put(148, fmt::format("{:06o}", sum));
  block[154] = '\0';
  return {block.data(), block.size()};
}

}  // namespace

Status check_container(const SandboxSpec& spec) {
  LB_CHECK(check(spec));
  for (const SandboxMount& mount : spec.mounts) {
    if (mount.path == "/run/librebird" || mount.path.starts_with("/run/librebird/")) {
      return make_error(Code::invalid_argument, "Nothing may be mounted over the guard at /run/librebird.");
    }
  }
  return Ok{};
}

std::string container_json(const SandboxSpec& spec, const ContainerPlan& plan) {
  JsonWriter json;
  json.begin_object().field("Image", plan.image).field("User", plan.user).field("Hostname", "sandbox");
  json.field("WorkingDir", "/");
  json.key("Entrypoint").begin_array().value(kToolInside).value("guard");
  json.value("--files").value(fmt::to_string(spec.limits.scratch_files)).end_array();
  json.key("Cmd").begin_array().end_array();
  json.field("AttachStdin", true).field("AttachStdout", true).field("AttachStderr", true);
  // Its input ends when we go, whatever way we go.
  json.field("OpenStdin", true).field("StdinOnce", true).field("Tty", false).field("NetworkDisabled", true);
  json.key("Healthcheck").begin_object().key("Test").begin_array().value("NONE").end_array().end_object();
  json.key("Labels").begin_object().field(kLabel, plan.owner).end_object();
  json.key("HostConfig").begin_object();
  limits(json, spec, plan);
  walls(json, spec, plan);
  json.key("Mounts").begin_array();
  bind_mount(json, plan.tool, kToolInside, false);
  for (const SandboxMount& mount : spec.mounts) bind_mount(json, mount.host_path, mount.path, mount.writable);
  if (!spec.egress_directory.empty()) bind_mount(json, spec.egress_directory, "/run/egress", false);
  json.end_array().end_object().end_object();
  return std::move(json).take();
}

std::vector<std::string> guarded_argv(const SandboxSpec& spec, const ImageFacts& image) {
  std::vector<std::string> argv;
  if (forwards(spec)) argv = {kToolInside, "forward", "--"};
  const std::vector<std::string>& words = spec.argv.empty() ? image.command : spec.argv;
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

std::string empty_image_tar() {
  std::string tar;
  for (const char* path :
       {"dev/", "etc/", "proc/", "run/", "run/egress/", "run/librebird/", "sys/", "var/", "var/tmp/", "work/"}) {
    tar += folder_header(path, 0755);
  }
  tar += folder_header("tmp/", 01777);
  tar.append(1024, '\0');
  return tar;
}

}  // namespace librebird::docker
