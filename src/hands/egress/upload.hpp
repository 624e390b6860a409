#pragma once

// A request's body on its way out: read from the program, checked, filled in, handed on piece by piece. Loop only.

#include "binding.hpp"
#include "body_decoder.hpp"
#include "wire.hpp"

namespace librebird::egress {

// Reads the body off the wire; `received` is what was read past the head, and what is left for the next request.
class BodyReader {
 public:
  BodyReader(Wire& wire, std::string& received, const RequestHead& head, const FenceLimits& limits);

  // The next piece; nullopt at the end. Asks the program to go on first if it waits for that.
  Task<Result<std::optional<std::string>>> next();
  [[nodiscard]] bool done() const { return decoder_.done(); }

 private:
  Wire& wire_;
  std::string& received_;
  BodyDecoder decoder_;
  bool say_continue_;
  std::uint64_t read_ = 0;
  const std::uint64_t limit_;
  const Millis idle_;
};

class Upload final : public HttpBodySource {
 public:
  Upload(BodyReader& reader, std::shared_ptr<Binding> binding, Target target, Writing writing);

  Task<Result<std::optional<std::string>>> next(std::stop_token stop) override;
  // Puts what was taken back in front.
  void put_back(std::string text) { front_ = std::move(text); }
  [[nodiscard]] bool changes_length() const { return !replacer_.empty(); }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  // What the source refused, besides what the client makes of it.
  [[nodiscard]] const std::optional<Error>& refused() const { return refused_; }

 private:
  Status look(const std::optional<std::string>& next);

  BodyReader& reader_;
  std::shared_ptr<Binding> binding_;
  Target target_;
  Replacer replacer_;
  std::unique_ptr<TrafficScan> scan_;
  std::string front_;
  std::string tail_;  // of what was looked at: a placeholder may lie across pieces
  std::string held_;  // what a find would have to include is not sent before the scan has passed it
  std::uint64_t sent_ = 0;
  bool ended_ = false;
  std::optional<Error> refused_;
};

}  // namespace librebird::egress
