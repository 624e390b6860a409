#include "owner.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <array>
#include <charconv>
#include <fstream>
#include <vector>

namespace librebird::docker {
namespace {

std::string boot() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::string process_namespace() {
  std::array<char, 64> name{};
  const ssize_t size = readlink("/proc/self/ns/pid", name.data(), name.size());
  return size > 0 ? std::string(name.data(), static_cast<std::size_t>(size)) : std::string();
}

// The 22nd field of /proc/PID/stat; the second may hold anything, in brackets. Empty: no such process.
std::string start_of(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  std::size_t at = line.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = line.find(' ', at + 1);
  if (at == std::string::npos) return {};
  return line.substr(at + 1, line.find(' ', at + 1) - at - 1);
}

}  // namespace

std::string this_owner() {
  return fmt::format("{}/{}/{}/{}", boot(), process_namespace(), getpid(), start_of(getpid()));
}

Owner look_up(std::string_view owner) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at != std::string_view::npos;) {
    const std::size_t end = owner.find('/', at);
    parts.push_back(owner.substr(at, end == std::string_view::npos ? end : end - at));
    at = end == std::string_view::npos ? end : end + 1;
  }
  int pid = 0;
  if (parts.size() != 4) return Owner::gone;
  // No process lives through a restart of the machine.
  if (parts[0] != boot()) return Owner::gone;
  if (parts[1] != process_namespace()) return Owner::elsewhere;
  const auto [end, error] = std::from_chars(parts[2].data(), parts[2].data() + parts[2].size(), pid);
  if (error != std::errc{} || end != parts[2].data() + parts[2].size()) return Owner::gone;
  const std::string start = start_of(pid);
  return !start.empty() && start == parts[3] ? Owner::alive : Owner::gone;
}

}  // namespace librebird::docker
