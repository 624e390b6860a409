#include <librebird/storage/postgres/postgres_database.hpp>

#include "postgres_connection.hpp"
#include "postgres_error.hpp"
#include "postgres_schema.hpp"
#include "postgres_snapshot.hpp"

#include <librebird/base/log.hpp>
#include <librebird/storage/sql/instruments.hpp>

#include <pthread.h>

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace librebird::storage {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kBatchLimit = 256;  // writes in one transaction
constexpr int kConflicts = 10;            // how often a lost race is run again
constexpr Millis kFirstDelay{20};         // between attempts to connect
constexpr Millis kLongestDelay{500};
constexpr Millis kIdleDelay{200};
constexpr std::size_t kIdleBacklogLimit = 20'000;  // requests after which idle work no longer waits for idleness
constexpr Millis kApart{1000};  // how long parts are kept apart after one had to be undone

void name_thread() {
#ifdef __APPLE__
  pthread_setname_np("lb-db");
#else
  pthread_setname_np(pthread_self(), "lb-db");
#endif
}

Error unknown_outcome(const std::string& name) {
  Error error = make_error(
      Code::unavailable,
      fmt::format("The connection to the database {} was lost while this was being saved, so that nobody knows whether "
                  "it is: look, or do the same again (a message with the same client_message_id is kept once).",
                  name));
  error.retry_after = Millis(1000);
  return error;
}

}  // namespace

class PostgresDatabase::Impl {
 public:
  Impl(PostgresOptions options, std::string name) : options_(std::move(options)), name_(std::move(name)) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wanted_.notify_all();
    closed_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void submit(Job& job, Kind kind) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_ < options_.queue_limit && !closing_) {
        ++waiting_;
        enqueue({&job, kind, steady_clock::now()});
        return;
      }
    }
    job.fail(queue_full());
    job.resume();
  }

  void set_idle_work(IdleWork work) {
    const std::lock_guard lock(mutex_);
    idle_work_ = std::move(work);
  }
  void request_idle_work() {
    const std::lock_guard lock(mutex_);
    if (idle_requests_++ == 0) wanted_.notify_one();
  }

  [[nodiscard]] const PostgresOptions& options() const { return options_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Item {
    Job* job = nullptr;
    Kind kind = Kind::read;
    SteadyTime since;
  };
  // Writes that may not happen beside each other. It stands in `ready_` once at most, and not while it is `busy`.
  struct Lane {
    std::deque<Item> items;
    bool busy = false;
  };
  // What a thread takes next: an item, or a lane.
  struct Ready {
    Item item;
    std::int64_t lane = 0;
  };
  // A thread's connection.
  struct Seat {
    std::unique_ptr<PostgresConnection> connection;
    SteadyTime apart_until{};  // a part was refused after it had changed something: more are expected
  };

  // With the mutex held.
  void enqueue(Item item) {
    const std::int64_t lane = item.kind == Kind::write ? PostgresConnection::lock_of(item.job->actor) : 0;
    if (lane == 0) {
      ready_.push_back({item, 0});
    } else {
      Lane& found = lanes_[lane];
      found.items.push_back(item);
      if (found.busy || found.items.size() > 1) return;
      ready_.push_back({{}, lane});
    }
    wake();
  }
  void wake() {
    if (idle_ < ready_.size() && workers_.size() < static_cast<std::size_t>(std::max(options_.connections, 1))) {
      workers_.emplace_back([this] { work(); });
    } else {
      wanted_.notify_one();
    }
  }

  void work() {
    name_thread();
    Seat seat;
    std::vector<Item> items;
    std::unique_lock lock(mutex_);
    while (true) {
      if (idle_requests_ >= kIdleBacklogLimit && may_idle()) idle(lock, seat);
      if (ready_.empty()) {
        if (closing_) return;
        if (wait(lock)) {
          for (bool more = true; more && ready_.empty() && !closing_ && may_idle();) more = idle(lock, seat);
        }
        continue;
      }
      const Ready next = ready_.front();
      ready_.pop_front();
      items.clear();
      if (next.lane == 0) {
        items.push_back(next.item);
        take_alike(items);
      } else {
        Lane& lane = lanes_[next.lane];
        lane.busy = true;
        const std::size_t count = std::min(lane.items.size(), kBatchLimit);
        items.assign(lane.items.begin(), lane.items.begin() + static_cast<std::ptrdiff_t>(count));
        lane.items.erase(lane.items.begin(), lane.items.begin() + static_cast<std::ptrdiff_t>(count));
      }
      waiting_ -= items.size();
      lock.unlock();
      run(seat, items);
      lock.lock();
      if (next.lane != 0) leave(next.lane);
    }
  }
  // With the mutex held. True: nothing came, and there is idle work that nobody does.
  bool wait(std::unique_lock<std::mutex>& lock) {
    const auto wanted = [this] { return !ready_.empty() || closing_; };
    ++idle_;
    bool quiet = false;
    if (idle_requests_ > 0 && may_idle()) {
      quiet = !wanted_.wait_for(lock, kIdleDelay, wanted);
    } else {
      wanted_.wait(lock, [&] { return wanted() || (idle_requests_ > 0 && may_idle()); });
    }
    --idle_;
    return quiet && idle_requests_ > 0 && may_idle();
  }
  [[nodiscard]] bool may_idle() const { return idle_work_.run && !idling_; }

  // One batch of idle work; with the mutex held, but not meanwhile. True: there is more.
  bool idle(std::unique_lock<std::mutex>& lock, Seat& seat) {
    const std::size_t requests = std::exchange(idle_requests_, 0);
    idling_ = true;
    lock.unlock();
    const Result<bool> more = run_idle(seat);
    lock.lock();
    idling_ = false;
    if (more && *more) idle_requests_ += std::max<std::size_t>(requests, 1);
    return more && *more;
  }

  Result<bool> run_idle(Seat& seat) {
    // It does not wait for a server that is away.
    LB_CHECK(connect(seat, {nullptr, Kind::write, steady_clock::now() - options_.patience}));
    PostgresConnection& connection = *seat.connection;
    // On the disk: what a server that dies takes back would be thought done.
    Status done = connection.begin(kServiceParallel, PostgresConnection::Mode::write, Durability::full, 0);
    Result<bool> more = done ? idle_work_.run(connection) : Result<bool>(done.error());
    if (more) {
      done = connection.commit();
      if (done && idle_work_.committed) idle_work_.committed();
      if (!done) more = done.error();
    }
    if (!more) {
      log::warn("background work of the database failed", {{"error", more.error().message}});
      if (!connection.lost()) connection.abandon();
    }
    return more;
  }

  // With the mutex held: writes that may happen beside any others share a flush as well, each thread taking its part of
  // what waits. Those that need not wait for the disk do not with those that must.
  void take_alike(std::vector<Item>& items) {
    const Item first = items.front();
    if (first.kind != Kind::write) return;
    const auto is_alike = [&](const Ready& ready) {
      return ready.lane == 0 && ready.item.kind == Kind::write && ready.item.job->durability == first.job->durability;
    };
    const auto waiting = static_cast<std::size_t>(std::ranges::count_if(ready_, is_alike));
    std::size_t wanted = std::min(waiting / std::max<std::size_t>(workers_.size(), 1), kBatchLimit);
    for (auto ready = ready_.begin(); ready != ready_.end() && wanted > 0;) {
      if (!is_alike(*ready)) {
        ++ready;
        continue;
      }
      items.push_back(ready->item);
      ready = ready_.erase(ready);
      --wanted;
    }
  }

  // With the mutex held: the lane's next writes may go.
  void leave(std::int64_t number) {
    const auto lane = lanes_.find(number);
    lane->second.busy = false;
    if (lane->second.items.empty()) {
      lanes_.erase(lane);
    } else {
      ready_.push_back({{}, number});
      wake();
    }
  }

  void run(Seat& seat, std::vector<Item>& items) {
    const auto start = steady_clock::now();
    if (items.front().kind == Kind::read) {
      run_read(seat, items.front());
      return;
    }
    if (items.size() == 1) {
      run_write(seat, items.front());
    } else {
      for (const Item& item : run_together(seat, items)) run_write(seat, item);
    }
    instruments_.seconds.observe(std::chrono::duration<double>(steady_clock::now() - start).count());
  }

  // A connection that stands, or the reason why there is none. Work waits for a server that is away, but not for ever.
  Status connect(Seat& seat, const Item& item) {
    if (seat.connection && !seat.connection->lost()) return Ok{};
    seat.connection.reset();
    for (Millis delay = kFirstDelay;; delay = std::min(delay * 2, kLongestDelay)) {
      {
        // Somebody else has just found that the server is away.
        const std::lock_guard lock(mutex_);
        const auto now = steady_clock::now();
        if (away_ && now - item.since > options_.patience && now < away_until_) return *away_;
      }
      auto opened = PostgresConnection::open(options_.url, options_.patience, options_.statement_timeout, kAppRole);
      std::unique_lock lock(mutex_);
      if (opened) {
        away_.reset();
        seat.connection = std::move(opened).value();
        return Ok{};
      }
      if (!away_) log::warn("the database is away", {{"error", opened.error().message}});
      away_ = opened.error();
      away_until_ = steady_clock::now() + kLongestDelay;
      if (!opened.error().retryable || steady_clock::now() - item.since > options_.patience || closing_) return *away_;
      closed_.wait_for(lock, delay, [this] { return closing_; });
    }
  }

  static void answer_with(const Item& item, const Error& error) {
    item.job->fail(error);
    item.job->resume();
  }

  [[nodiscard]] bool in_time(const Item& item) const { return steady_clock::now() - item.since < options_.patience; }

  void run_read(Seat& seat, const Item& item) {
    for (int conflicts = 0;;) {
      if (const Status connected = connect(seat, item); !connected) {
        answer_with(item, connected.error());
        return;
      }
      PostgresConnection& connection = *seat.connection;
      const Status begun = connection.begin(item.job->actor, PostgresConnection::Mode::read, Durability::ordered, 0);
      if (begun) (void)item.job->run(connection);
      if (connection.lost()) {
        if (in_time(item)) continue;
        if (!begun) item.job->fail(begun.error());
      } else {
        const bool conflict = connection.race() == PostgresConnection::Race::conflict;
        connection.abandon();
        if (conflict && ++conflicts < kConflicts) continue;
      }
      item.job->resume();
      return;
    }
  }

  void run_write(Seat& seat, const Item& item) {
    for (int conflicts = 0, duplicates = 0;;) {
      if (const Status connected = connect(seat, item); !connected) {
        answer_with(item, connected.error());
        return;
      }
      PostgresConnection& connection = *seat.connection;
      Status done = connection.begin(item.job->actor, PostgresConnection::Mode::write, item.job->durability,
                                     PostgresConnection::lock_of(item.job->actor));
      const bool worked = done && item.job->run(connection);
      if (worked) {
        done = connection.commit();
        if (done) {
          instruments_.commits.add();
          instruments_.writes.add();
          item.job->resume();
          return;
        }
        instruments_.failures.add();
        item.job->fail(connection.lost() ? unknown_outcome(name_) : done.error());
      }
      if (connection.lost()) {
        if (!worked && in_time(item)) continue;  // nothing of it was committed
        if (!done && !worked) item.job->fail(done.error());
      } else {
        const auto race = connection.race();
        connection.abandon();
        if (race == PostgresConnection::Race::conflict && ++conflicts < kConflicts) continue;
        // Who wrote the same key first has committed by now; the work may find it.
        if (race == PostgresConnection::Race::duplicate && ++duplicates < 2) continue;
      }
      item.job->resume();
      return;
    }
  }

  // All in one transaction, each in a part of its own; what a part posted is sent with the next one. Savepoints cost as
  // much as half of the work, and few parts need them: one that is refused after it has changed something ends the
  // transaction, and all are run again behind savepoints. Answers those that must be run by themselves: all of them
  // when a statement failed, as it may have been anybody's.
  std::vector<Item> run_together(Seat& seat, const std::vector<Item>& items) {
    if (!connect(seat, items.front())) return items;
    PostgresConnection& connection = *seat.connection;
    Durability durability = Durability::ordered;
    for (const Item& item : items) {
      if (item.job->durability == Durability::full) durability = Durability::full;
    }
    const Actor& first = items.front().job->actor;
    std::vector<Item> done;
    std::vector<Item> refused;
    const bool apart = steady_clock::now() < seat.apart_until;
    Status step =
        connection.begin(first, PostgresConnection::Mode::write, durability, PostgresConnection::lock_of(first));
    for (std::size_t i = 0; i < items.size() && step; ++i) {
      const Actor actor = items[i].job->actor;
      step = apart ? connection.begin_apart(actor) : connection.begin_part(actor);
      if (!step) break;
      const bool worked = items[i].job->run(connection);
      if (connection.failed()) break;
      if (!worked && !apart && connection.changed()) {
        connection.abandon();
        seat.apart_until = steady_clock::now() + kApart;
        return connection.lost() ? items : run_together(seat, items);
      }
      if (apart) step = worked ? connection.end_apart() : connection.undo_apart();
      (worked ? done : refused).push_back(items[i]);
    }
    if (step && !connection.failed()) step = connection.commit();
    if (step && !connection.failed()) {
      instruments_.commits.add();
      instruments_.writes.add(done.size());
      for (const Item& item : done) item.job->resume();
      for (const Item& item : refused) item.job->resume();
      return {};
    }
    instruments_.failures.add();
    if (!connection.lost()) connection.abandon();
    if (!connection.lost() || done.size() + refused.size() < items.size()) return items;
    // COMMIT may have been on its way.
    for (const Item& item : done) answer_with(item, unknown_outcome(name_));
    for (const Item& item : refused) item.job->resume();
    return {};
  }

  const PostgresOptions options_;
  const std::string name_;
  Instruments instruments_;

  std::mutex mutex_;
  std::condition_variable wanted_;  // of idle threads only: each notification must reach one of them
  std::condition_variable closed_;
  std::deque<Ready> ready_;
  std::unordered_map<std::int64_t, Lane> lanes_;
  std::size_t waiting_ = 0;
  std::size_t idle_ = 0;  // threads that wait
  IdleWork idle_work_;
  std::size_t idle_requests_ = 0;
  bool idling_ = false;
  bool closing_ = false;
  std::optional<Error> away_;  // why the last attempt to connect failed
  SteadyTime away_until_{};
  std::vector<std::thread> workers_;
};

Result<std::unique_ptr<PostgresDatabase>> PostgresDatabase::open(const Clock& clock, PostgresOptions options,
                                                                 const Steps& steps) {
  LB_TRY(name, display_name(options.url));
  LB_CHECK(prepare_schema(options, clock.unix_now(), steps));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(name));
  return std::unique_ptr<PostgresDatabase>(new PostgresDatabase(std::move(impl)));
}

PostgresDatabase::PostgresDatabase(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PostgresDatabase::~PostgresDatabase() = default;
void PostgresDatabase::submit(Job& job, Kind kind) { impl_->submit(job, kind); }
Result<std::unique_ptr<Database>> PostgresDatabase::snapshot() { return open_snapshot(impl_->options()); }
Result<std::unique_ptr<AllOrNothing>> PostgresDatabase::all_or_nothing(bool alone) {
  return open_all_or_nothing(impl_->options(), alone);
}
void PostgresDatabase::set_idle_work(IdleWork work) { impl_->set_idle_work(std::move(work)); }
void PostgresDatabase::request_idle_work() { impl_->request_idle_work(); }
Status PostgresDatabase::check(std::string& note) { return check_server(impl_->options(), note); }

}  // namespace librebird::storage
