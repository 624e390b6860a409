#pragma once

// One request of a program, from its head to the end of its answer. Loop only.

#include "call_state.hpp"
#include "request_head.hpp"
#include "upload.hpp"

namespace librebird::egress {

// An answer of the fence's own. Its first line carries the reason: of a refused CONNECT programs show nothing else.
[[nodiscard]] std::string refusal_text(const Error& error, bool keep_alive, bool with_body);
[[nodiscard]] int refusal_status(const Error& error);
[[nodiscard]] EgressDecision decision_of(const Error& error);

// The request as it leaves: checked against the policy, with its secrets in place.
Result<HttpRequest> make_outgoing(const Binding& binding, const Target& target, const std::string& method,
                                  HttpHeaders headers);
// What makes an answer unfit to be passed on.
Status check_answer(const Binding& binding, const Target& target, const HttpResponse& answer);
// The fields that are passed on to the program; secrets are taken out.
[[nodiscard]] HttpHeaders incoming_headers(const Binding& binding, const HttpHeaders& headers);

class Exchange {
 public:
  Exchange(Wire& wire, std::string& received, HttpClient& http, std::shared_ptr<Binding> binding, std::stop_token stop)
      : wire_(wire), received_(received), http_(http), binding_(std::move(binding)), stop_(std::move(stop)) {}

  // A program's own request: passed on and answered piece by piece; redirects are the program's business. True: the
  // connection can carry another one.
  Task<bool> pass(RequestHead head, Target target);
  // A request that the fence follows through redirects (https:// in absolute form: our own kits); the last answer is
  // passed on piece by piece.
  Task<bool> fetch(RequestHead head, Target target);
  Task<bool> refuse(const RequestHead& head, const Target& target, Error error);

 private:
  // `most`: bytes of the answer; more break it off.
  Task<Status> relay(const RequestHead& head, HttpResponse& answer, HttpHeaders headers, std::uint64_t most);
  Task<Result<std::unique_ptr<HttpResponse>>> follow(RequestHead& head, Target& target, std::string body);
  Task<Result<std::unique_ptr<HttpResponse>>> hop(const RequestHead& head, const Target& target, std::string body);
  // Of an answer that refuses who asks.
  void keep_challenge(const HttpHeaders& headers);
  void flag(const std::optional<TrafficFinding>& found);
  void note(const RequestHead& head, const Target& target, const Status& outcome);
  // Whether the rest of the request could be read, so that another may follow.
  Task<bool> drain(BodyReader& reader);

  Wire& wire_;
  std::string& received_;
  HttpClient& http_;
  std::shared_ptr<Binding> binding_;
  std::stop_token stop_;
  int status_ = 0;
  std::uint64_t up_ = 0;
  std::uint64_t down_ = 0;
  std::string challenge_;
  std::string remark_;        // of the event, when it is not a refusal
  bool answered_ = false;     // a byte of an answer went to the program
  bool framed_ = true;        // the program can tell where the answer ends
};

}  // namespace librebird::egress
