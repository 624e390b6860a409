#include <librebird/base/log.hpp>

#include <librebird/base/clock.hpp>
#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace librebird::log {
namespace {

constexpr std::size_t kQueueLines = 4096;

std::atomic<Level> g_level{Level::info};
std::atomic<Filter> g_filter{nullptr};

struct Queue {
  std::mutex mutex;
  std::condition_variable ready;
  std::deque<std::string> lines;
  std::uint64_t dropped = 0;
  bool running = false;
  bool stopping = false;
  std::thread thread;
};

Queue& queue() {
  static Queue instance;
  return instance;
}

void write_all(std::string_view line) {
  while (!line.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
    if (n <= 0) return;
    line.remove_prefix(static_cast<std::size_t>(n));
  }
}

void run_writer() {
  Queue& q = queue();
  std::unique_lock lock(q.mutex);
  for (;;) {
    q.ready.wait(lock, [&] { return q.stopping || !q.lines.empty(); });
    if (q.lines.empty()) return;
    std::string batch;
    for (const auto& line : q.lines) batch += line;
    q.lines.clear();
    if (q.dropped > 0) {
      batch += fmt::format(R"({{"level":"warn","message":"log lines dropped","count":{}}})"
                           "\n",
                           q.dropped);
      q.dropped = 0;
    }
    lock.unlock();
    write_all(batch);
    lock.lock();
  }
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
  }
  return "error";
}

void append_value(std::string& out, const Field& field) {
  struct Visitor {
    std::string& out;
    void operator()(std::string_view v) const {
      out.push_back('"');
      append_json_escaped(out, v);
      out.push_back('"');
    }
    void operator()(std::int64_t v) const { fmt::format_to(std::back_inserter(out), "{}", v); }
    void operator()(double v) const { fmt::format_to(std::back_inserter(out), "{:.3f}", v); }
    void operator()(bool v) const { out += v ? "true" : "false"; }
  };
  std::visit(Visitor{out}, field.value);
}

}  // namespace

void set_level(Level level) { g_level = level; }
bool enabled(Level level) { return level >= g_level.load(std::memory_order_relaxed); }

void set_filter(Filter filter) { g_filter.store(filter, std::memory_order_release); }

Writer::Writer() {
  Queue& q = queue();
  const std::lock_guard lock(q.mutex);
  q.running = true;
  q.stopping = false;
  q.thread = std::thread(run_writer);
}

Writer::~Writer() {
  Queue& q = queue();
  {
    const std::lock_guard lock(q.mutex);
    q.stopping = true;
    q.running = false;
  }
  q.ready.notify_one();
  q.thread.join();
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  std::string line;
  line.reserve(192);
  line += R"({"time":")";
  line += to_rfc3339(SystemClock().unix_now());
  line += R"(","level":")";
  line += level_name(level);
  line += R"(","message":")";
  append_json_escaped(line, message);
  line.push_back('"');
  for (const Field& field : fields) {
    line += ",\"";
    append_json_escaped(line, field.key);
    line += "\":";
    append_value(line, field);
  }
  line += "}";
  if (const Filter filter = g_filter.load(std::memory_order_acquire); filter != nullptr) line = filter(std::move(line));
  line += "\n";
  Queue& q = queue();
  {
    const std::lock_guard lock(q.mutex);
    if (q.running) {
      if (q.lines.size() >= kQueueLines) {
        q.lines.pop_front();
        ++q.dropped;
      }
      q.lines.push_back(std::move(line));
      q.ready.notify_one();
      return;
    }
  }
  write_all(line);
}

}  // namespace librebird::log
