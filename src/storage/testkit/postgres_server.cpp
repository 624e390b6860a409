#include <librebird/storage/testkit/postgres_server.hpp>

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <fcntl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace librebird::testkit {
namespace {

namespace fs = std::filesystem;

// Debian keeps the server's programs out of PATH, a folder a version.
std::string newest_programs() {
  int best = 0;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", failure)) {
    const int version = std::atoi(entry.path().filename().c_str());
    if (version > best && fs::exists(entry.path() / "bin/postgres")) best = version;
  }
  if (best == 0) throw std::runtime_error("no PostgreSQL server is installed: ./dev installs the package postgresql");
  return "/usr/lib/postgresql/" + std::to_string(best) + "/bin/";
}

// In memory where there is room: a killed process loses nothing there either, and tests do not wait for a busy disk.
std::string root_folder() {
  struct statvfs shared{};
  constexpr std::uint64_t kEnough = 4ULL << 30;
  if (::statvfs("/dev/shm", &shared) == 0 && static_cast<std::uint64_t>(shared.f_bavail) * shared.f_frsize > kEnough &&
      ::access("/dev/shm", W_OK | X_OK) == 0) {
    return "/dev/shm";
  }
  return fs::temp_directory_path().string();
}

// A child with the programs' own user; its words go to a file. The server refuses to be root.
pid_t spawn(const std::vector<std::string>& words, const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const struct passwd* user = ::geteuid() == 0 ? ::getpwnam("nobody") : nullptr;
  const pid_t parent = ::getpid();
  // That signal comes when the thread ends that forked.
  const bool for_good = ::gettid() == parent;
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid > 0) return pid;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  const int none = ::open("/dev/null", O_RDONLY);
  ::dup2(none, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  if (user != nullptr && (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(126);
  if (for_good) ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // a test that dies takes its server along
  if (::getppid() != parent) ::_exit(127);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

PostgresServer& PostgresServer::of_this_program() {
  static PostgresServer server({"fsync=off", "full_page_writes=off", "synchronous_commit=off"});
  return server;
}

PostgresServer::PostgresServer(std::vector<std::string> settings)
    : programs_(newest_programs()), settings_(std::move(settings)) {
  std::string pattern = root_folder() + "/librebird-postgres-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = pattern;
  if (const struct passwd* user = ::getpwnam("nobody"); ::geteuid() == 0 && user != nullptr) {
    if (::chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) throw std::runtime_error("chown failed");
  }
  const std::string log = folder_ + "/initdb.log";
  const pid_t pid = spawn({programs_ + "initdb", "-D", folder_ + "/data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
                           "--locale=C", "--no-instructions"},
                          log);
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || status != 0) throw std::runtime_error("initdb failed: " + content(log));
  start();
  RawPostgres(url_of("postgres", "postgres")).run("CREATE ROLE libre LOGIN CREATEROLE CREATEDB");
  RawPostgres every(url_of("template1", "postgres"));
  has_pgvector_ = every.run("SELECT COUNT(*) FROM pg_available_extensions WHERE name = 'vector'") == "1";
  if (has_pgvector_) every.run("CREATE EXTENSION vector");
}

PostgresServer::~PostgresServer() {
  ::kill(pid_, SIGQUIT);  // nothing of it is kept
  int status = 0;
  ::waitpid(pid_, &status, 0);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void PostgresServer::start() {
  std::vector<std::string> words{
      programs_ + "postgres", "-D", folder_ + "/data",    "-k", folder_, "-c", "listen_addresses=", "-c",
      "shared_buffers=64MB",  "-c", "max_connections=100"};
  for (const std::string& setting : settings_) words.insert(words.end(), {"-c", setting});
  const std::string url = url_of("postgres", "postgres");
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  pid_ = 0;
  while (PQping(url.c_str()) != PQPING_OK) {
    if (std::chrono::steady_clock::now() > give_up) {
      throw std::runtime_error("the server does not start: " + content(folder_ + "/server.log"));
    }
    int status = 0;
    // A killed server's children may still hold its memory for a moment; then it does not start.
    if (pid_ == 0 || ::waitpid(pid_, &status, WNOHANG) == pid_) pid_ = spawn(words, folder_ + "/server.log");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void PostgresServer::kill() {
  // Its children notice that it is gone, but may answer once more before.
  const std::string pid = std::to_string(pid_);
  std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
  const std::vector<pid_t> sessions{std::istream_iterator<pid_t>(children), {}};
  ::kill(pid_, SIGKILL);
  for (const pid_t session : sessions) ::kill(session, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
}

std::string PostgresServer::url_of(const std::string& name, const std::string& login) const {
  std::string folder;
  for (const char c : folder_) folder += c == '/' ? std::string("%2F") : std::string(1, c);
  return "postgresql://" + login + "@" + folder + "/" + name;
}

std::string PostgresServer::name_of(const std::string& url) { return url.substr(url.rfind('/') + 1); }

std::string PostgresServer::as(const std::string& url, const std::string& login) const {
  return url_of(name_of(url), login);
}

std::string PostgresServer::empty_database() {
  const std::string name = "test_" + std::to_string(++databases_);
  RawPostgres(url_of("postgres", "postgres")).run("CREATE DATABASE " + name + " OWNER libre");
  return url_of(name, "libre");
}

std::string PostgresServer::copy_of(const std::string& from) {
  const std::string name = "test_" + std::to_string(++databases_);
  RawPostgres(url_of("postgres", "postgres")).run("CREATE DATABASE " + name + " TEMPLATE " + from + " OWNER libre");
  return url_of(name, "libre");
}

RawPostgres::RawPostgres(const std::string& url) : handle_(PQconnectdb(url.c_str())) {
  auto* handle = static_cast<PGconn*>(handle_);
  PQsetNoticeProcessor(handle, [](void*, const char*) {}, nullptr);
  if (PQstatus(handle) != CONNECTION_OK) {
    const std::string words = PQerrorMessage(handle);
    PQfinish(handle);
    throw std::runtime_error("cannot connect: " + words);
  }
}

RawPostgres::~RawPostgres() { PQfinish(static_cast<PGconn*>(handle_)); }

std::string RawPostgres::run(const std::string& sql) {
  PGresult* result = PQexec(static_cast<PGconn*>(handle_), sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  std::string out;
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    ADD_FAILURE() << sql << ": " << PQresultErrorMessage(result);
  } else if (PQntuples(result) > 0) {
    out = PQgetvalue(result, 0, 0);
  }
  rows_ = std::atoi(PQcmdTuples(result));
  PQclear(result);
  return out;
}

std::string RawPostgres::state_of(const std::string& sql) {
  PGresult* result = PQexec(static_cast<PGconn*>(handle_), sql.c_str());
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  std::string out = state != nullptr ? state : "00000";
  rows_ = std::atoi(PQcmdTuples(result));
  PQclear(result);
  return out;
}

}  // namespace librebird::testkit
