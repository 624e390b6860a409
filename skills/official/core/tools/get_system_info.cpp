// Facts about the machine: disk (where the workspace lies), memory, uptime. No names, no users.
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <sys/statvfs.h>
#ifdef __linux__
#include <sys/sysinfo.h>
#endif

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace librebird::skills {
namespace {

double gigabytes(double bytes) { return std::round(bytes / (1024.0 * 1024 * 1024) * 10) / 10; }

struct Memory {
  double total = 0;
  double available = 0;
};

#ifdef __linux__
Memory memory() {
  Memory memory;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/meminfo", "re"), &std::fclose);
  std::array<char, 256> line{};
  while (file && std::fgets(line.data(), static_cast<int>(line.size()), file.get()) != nullptr) {
    unsigned long long kibibytes = 0;
    if (std::sscanf(line.data(), "MemTotal: %llu kB", &kibibytes) == 1)
      memory.total = static_cast<double>(kibibytes) * 1024;
    if (std::sscanf(line.data(), "MemAvailable: %llu kB", &kibibytes) == 1)
      memory.available = static_cast<double>(kibibytes) * 1024;
  }
  return memory;
}

std::string uptime() {
  struct sysinfo info{};
  if (sysinfo(&info) != 0) return {};
  const long minutes = info.uptime / 60;
  const long days = minutes / 1440;
  const std::string clock = std::to_string(minutes / 60 % 24) + " h " + std::to_string(minutes % 60) + " min";
  return days > 0 ? std::to_string(days) + (days == 1 ? " day " : " days ") + clock : clock;
}
#else
Memory memory() { return {}; }
std::string uptime() { return {}; }
#endif

}  // namespace

Result<boost::json::object> get_system_info(const boost::json::object& /*arguments*/, ToolContext& context) {
  boost::json::object result;
  struct statvfs disk{};
  if (statvfs(context.work_directory.c_str(), &disk) == 0 && disk.f_blocks > 0) {
    const auto block = static_cast<double>(disk.f_frsize);
    const double total = static_cast<double>(disk.f_blocks) * block;
    const double free = static_cast<double>(disk.f_bavail) * block;
    const double used = total - static_cast<double>(disk.f_bfree) * block;
    result["disk"] = boost::json::object{{"total_gb", gigabytes(total)},
                                         {"used_gb", gigabytes(used)},
                                         {"free_gb", gigabytes(free)},
                                         {"percent_used", std::round(used / total * 1000) / 10}};
  }
  if (const Memory figures = memory(); figures.total > 0) {
    result["memory"] = boost::json::object{{"used_gb", gigabytes(figures.total - figures.available)},
                                           {"total_gb", gigabytes(figures.total)}};
  }
  if (std::string time = uptime(); !time.empty()) result["uptime"] = std::move(time);
  return result;
}

}  // namespace librebird::skills
