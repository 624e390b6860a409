#include "unix_connection.hpp"

#include <librebird/base/async/sync.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <fmt/format.h>

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <deque>

namespace librebird::docker {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

namespace {
constexpr std::size_t kMaxQueue = 8 << 20;
constexpr Millis kBusyWait{20};
}  // namespace

struct UnixConnection::State : std::enable_shared_from_this<State> {
  explicit State(Executor executor) : socket(executor), timer(executor) {}

  void close() {
    error_code ignored;
    socket.close(ignored);
  }
  void pump();

  asio::basic_stream_socket<Local, Executor> socket;
  Timer timer;
  std::array<char, 32 * 1024> buffer{};
  std::deque<std::string> queued;
  std::size_t queued_bytes = 0;
  bool sending = false;
  bool ending = false;  // shut when all is sent
  std::uint64_t operation = 0;
  bool late = false;
};

namespace {

// Time and stop token around one operation.
template <class State>
class Watch {
 public:
  Watch(State& state, SteadyTime deadline, const std::stop_token& stop)
      : state_(state), stop_(stop), callback_(stop, Close{&state}) {
    state.late = false;
    const std::uint64_t mine = ++state.operation;
    if (deadline == SteadyTime::max()) return;
    state.timer.expires_at(deadline);
    state.timer.async_wait([weak = state.weak_from_this(), mine](const error_code& failure) {
      const auto alive = weak.lock();
      if (failure || !alive || alive->operation != mine) return;
      alive->late = true;
      alive->close();
    });
  }
  ~Watch() {
    ++state_.operation;
    state_.timer.cancel();
  }
  [[nodiscard]] Error failed(const error_code& failure) const {
    if (stop_.stop_requested()) return make_error(Code::cancelled, "The call to the container engine was stopped.");
    if (state_.late) return make_error(Code::deadline_exceeded, "The container engine did not answer in time.");
    if (failure.value() == ENOENT) return make_error(Code::not_found, "There is no such socket.");
    if (failure.value() == EACCES) return make_error(Code::permission_denied, "The socket may not be opened.");
    return make_error(Code::unavailable, fmt::format("The container engine is away ({}).", failure.message()));
  }

 private:
  struct Close {
    State* state;
    void operator()() const { state->close(); }
  };
  State& state_;
  std::stop_token stop_;
  std::stop_callback<Close> callback_;
};

}  // namespace

UnixConnection::UnixConnection(Executor executor) : state_(std::make_shared<State>(executor)) {}
UnixConnection::~UnixConnection() { close(); }
UnixConnection::UnixConnection(UnixConnection&&) noexcept = default;
UnixConnection& UnixConnection::operator=(UnixConnection&& other) noexcept {
  close();
  state_ = std::move(other.state_);
  return *this;
}

Task<Status> UnixConnection::connect(std::string path, SteadyTime deadline, std::stop_token stop) {
  State& state = *state_;
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    co_return make_error(Code::not_found, "A Unix socket's path has at most 107 bytes.");
  }
  for (;;) {
    Watch watch(state, deadline, stop);
    if (stop.stop_requested()) co_return watch.failed({});
    error_code failure;
    co_await state.socket.async_connect(Local::endpoint(path), asio::redirect_error(use_task, failure));
    if (!failure) co_return Ok{};
    // Its queue of callers is full: no fault, but no place to wait at either.
    const bool busy = failure.value() == EAGAIN;
    if (!busy || std::chrono::steady_clock::now() >= deadline) co_return watch.failed(failure);
    state.close();
    if (!co_await sleep_for(kBusyWait, stop)) co_return watch.failed(failure);
  }
}

Task<Status> UnixConnection::write(std::string bytes, SteadyTime deadline, std::stop_token stop) {
  State& state = *state_;
  const Watch watch(state, deadline, stop);
  error_code failure;
  if (stop.stop_requested()) co_return watch.failed(failure);
  co_await asio::async_write(state.socket, asio::buffer(bytes), asio::redirect_error(use_task, failure));
  if (failure) co_return watch.failed(failure);
  co_return Ok{};
}

Task<Result<std::string_view>> UnixConnection::read(SteadyTime deadline, std::stop_token stop) {
  State& state = *state_;
  const Watch watch(state, deadline, stop);
  error_code failure;
  if (stop.stop_requested()) co_return watch.failed(failure);
  const std::size_t got =
      co_await state.socket.async_read_some(asio::buffer(state.buffer), asio::redirect_error(use_task, failure));
  if (failure == asio::error::eof || failure == asio::error::connection_reset) co_return std::string_view();
  if (failure) co_return watch.failed(failure);
  co_return std::string_view(state.buffer.data(), got);
}

void UnixConnection::State::pump() {
  if (sending) return;
  if (queued.empty()) {
    error_code ignored;
    if (ending) socket.shutdown(Local::socket::shutdown_send, ignored);
    return;
  }
  sending = true;
  asio::async_write(socket, asio::buffer(queued.front()), [self = shared_from_this()](error_code failure, std::size_t) {
    self->sending = false;
    self->queued_bytes -= self->queued.front().size();
    self->queued.pop_front();
    if (failure) {
      // Whoever reads finds out why; there is nobody to write to.
      self->queued.clear();
      self->queued_bytes = kMaxQueue;
      return;
    }
    self->pump();
  });
}

bool UnixConnection::queue(std::string bytes) {
  State& state = *state_;
  if (!state.socket.is_open() || state.ending || state.queued_bytes + bytes.size() > kMaxQueue) return false;
  state.queued_bytes += bytes.size();
  state.queued.push_back(std::move(bytes));
  state.pump();
  return true;
}

void UnixConnection::end_queue() {
  state_->ending = true;
  state_->pump();
}

void UnixConnection::shut() {
  error_code ignored;
  state_->ending = true;
  state_->socket.shutdown(Local::socket::shutdown_send, ignored);
}

void UnixConnection::close() {
  if (state_) state_->close();
}

bool UnixConnection::ended() const {
  if (!state_ || !state_->socket.is_open()) return true;
  char byte = 0;
  const ssize_t got = ::recv(state_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

}  // namespace librebird::docker
