#include "engine_service.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

namespace librebird::docker {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "The container engine of this test cannot be used: %s\n", why.c_str());
  std::exit(1);
}

bool answers(const std::string& socket) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const bool good = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  ::close(fd);
  return good;
}

std::string output_of(const std::string& line) {
  std::string text;
  FILE* pipe = ::popen(line.c_str(), "r");
  if (pipe == nullptr) return "1";
  std::array<char, 4096> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  return text + fmt::format("{}", WIFEXITED(status) ? WEXITSTATUS(status) : 255);
}

// A system made of this machine's files: a shell and what it needs.
void make_system(const fs::path& root) {
  for (const char* folder : {"usr/bin", "etc", "tmp", "proc", "sys", "dev", "run", "var/tmp", "work"}) {
    fs::create_directories(root / folder);
  }
  for (const char* link : {"bin", "lib", "lib64"}) fs::create_symlink(std::string("usr/") + link, root / link);
  ::chmod((root / "tmp").c_str(), 01777);
  const std::string line = fmt::format(
      "for p in sh cat id sleep; do cp -L /usr/bin/$p {0}/usr/bin/; "
      "ldd /usr/bin/$p | grep -o '/[^ ]*'; done | sort -u | while read -r f; do "
      "mkdir -p \"{0}$(dirname \"$f\")\" && cp -L \"$f\" \"{0}$f\"; done",
      root.native());
  // The links into /usr must be there before what lies behind them.
  for (const char* folder : {"usr/lib", "usr/lib64"}) fs::create_directories(root / folder);
  output_of(line);
}

}  // namespace

EngineService::EngineService(const std::string& runtime) {
  // Short: a Unix socket's path has 107 bytes.
  std::string pattern = "/tmp/lbe-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) give_up("no temporary folder");
  folder_ = pattern;
  socket_ = folder_ + "/engine.sock";
  std::ofstream(folder_ + "/containers.conf")
      << "[containers]\n[network]\n[engine]\ncgroup_manager = \"cgroupfs\"\n"
      << "events_logger = \"none\"\ntmp_dir = \"" << folder_ << "/state\"\nruntime = \"" << runtime << "\"\n"
      << "[engine.runtimes]\nrunsc = [\"" << folder_ << "/runsc\"]\n";
  std::ofstream(folder_ + "/storage.conf")
      << "[storage]\ndriver = \"vfs\"\ngraphroot = \"" << folder_ << "/root\"\nrunroot = \"" << folder_ << "/run\"\n";
  // gVisor without a network stack of its own and without hardware help.
  std::ofstream(folder_ + "/runsc") << "#!/bin/sh\nexec /usr/bin/runsc --network=none --platform=ptrace \"$@\"\n";
  ::chmod((folder_ + "/runsc").c_str(), 0755);

  const std::string root = folder_ + "/root";
  const std::string state = folder_ + "/run";
  const std::string listen = "unix://" + socket_;
  const std::string settings = "CONTAINERS_CONF=" + folder_ + "/containers.conf";
  const std::string storage = "CONTAINERS_STORAGE_CONF=" + folder_ + "/storage.conf";
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Its monitors leave files where they stand.
    if (::chdir(folder_.c_str()) != 0) ::_exit(126);
    const int log = ::open((folder_ + "/log").c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(log, 1);
    ::dup2(log, 2);
    const char* words[] = {"/usr/bin/podman", "--root", root.c_str(), "--runroot", state.c_str(),  "--cgroup-manager",
                           "cgroupfs",        "system", "service",    "--time=0",  listen.c_str(), nullptr};
    const std::string home = "HOME=" + folder_;
    const char* variables[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", home.c_str(), settings.c_str(), storage.c_str(),
                               nullptr};
    ::execve(words[0], const_cast<char**>(words), const_cast<char**>(variables));
    ::_exit(127);
  }
  for (int i = 0; i < 1000 && !answers(socket_); ++i) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (pid_ < 0 || !answers(socket_)) {
    std::ifstream log(folder_ + "/log");
    std::stringstream said;
    said << log.rdbuf();
    give_up("podman (package podman) did not start: " + said.str());
  }
  make_system(folder_ + "/system");
  const std::string made = command(fmt::format("import {0}/system.tar {1}", folder_, system_image()));
  if (!made.ends_with('0')) give_up("the image was not made: " + made);
}

EngineService::~EngineService() {
  // Ended containers are cleared away by processes of their own, which would make the folder anew.
  for (int i = 0; i < 100 && !containers().empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code error;
  for (int i = 0; i < 10 && fs::exists(folder_, error); ++i) {
    fs::remove_all(folder_, error);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

const EngineService& EngineService::shared() {
  static const EngineService service("runc");
  return service;
}

std::string EngineService::command(const std::string& words) const {
  const std::string tar = fmt::format("[ -e {0}/system.tar ] || tar -C {0}/system -cf {0}/system.tar . ; ", folder_);
  return output_of(
      fmt::format("{1} CONTAINERS_CONF={0}/containers.conf CONTAINERS_STORAGE_CONF={0}/storage.conf podman "
                  "--root {0}/root --runroot {0}/run --cgroup-manager cgroupfs {2} 2>&1",
                  folder_, tar, words));
}

std::vector<std::string> EngineService::containers() const {
  std::istringstream lines(command("ps -aq --no-trunc"));
  std::vector<std::string> ids;
  for (std::string line; std::getline(lines, line);) {
    if (line.size() == 64) ids.push_back(line);
  }
  return ids;
}

}  // namespace librebird::docker
