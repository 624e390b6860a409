#include "instance.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>

namespace librebird::storage {
namespace {

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string line_of(const std::string& path) {
  std::string text = content(path);
  return text.substr(0, text.find_first_of("\n/"));
}

struct Place {
  std::string machine;
  std::string boot;
  std::string processes;  // the namespace in which process ids are counted
};

Place this_place() {
  Place place;
  place.machine = line_of("/proc/sys/kernel/hostname") + ":" + line_of("/etc/machine-id");
  place.boot = line_of("/proc/sys/kernel/random/boot_id");
  char link[64];
  const ssize_t size = ::readlink("/proc/self/ns/pid", link, sizeof(link));
  place.processes.assign(link, size > 0 ? static_cast<std::size_t>(size) : 0);
  return place;
}

// When the process began, in ticks since the boot (proc(5), field 22 of stat); empty: there is none.
std::string start_of(long pid) {
  const std::string stat = content(fmt::format("/proc/{}/stat", pid));
  // The command's name may hold anything; what follows the last parenthesis is plain.
  std::size_t at = stat.rfind(')');
  if (at == std::string::npos) return {};
  // A zombie's calls have ended too.
  if (stat.compare(at, 3, ") Z") == 0 || stat.compare(at, 3, ") X") == 0) return {};
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  if (at == std::string::npos) return {};
  return stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
}

}  // namespace

std::string this_instance() {
  const Place here = this_place();
  return fmt::format("{}/{}/{}/{}/{}", here.machine, here.boot, here.processes, ::getpid(), start_of(::getpid()));
}

Life life_of(std::string_view instance) {
  std::array<std::string_view, 5> parts;  // machine, boot, processes, pid, start
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = i + 1 == parts.size() ? instance.size() : instance.find('/');
    if (end == std::string_view::npos) return Life::gone;
    parts[i] = instance.substr(0, end);
    instance.remove_prefix(std::min(end + 1, instance.size()));
  }
  const Place here = this_place();
  if (parts[0] != here.machine) return Life::unknown;
  if (parts[1] != here.boot) return Life::gone;
  if (parts[2] != here.processes) return Life::unknown;
  long pid = 0;
  const auto parsed = std::from_chars(parts[3].data(), parts[3].data() + parts[3].size(), pid);
  if (parsed.ec != std::errc() || pid <= 0) return Life::gone;
  return !parts[4].empty() && parts[4] == start_of(pid) ? Life::alive : Life::gone;
}

}  // namespace librebird::storage
