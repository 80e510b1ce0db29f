// What an app does with the service: it places a call, or takes those that come.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "description.h"
#include "signaling/v1/signaling.pb.h"

namespace example {

// Its methods may be called from any thread.
class Phone {
 public:
  using Request = signaling::v1::ConnectRequest;
  using Response = signaling::v1::ConnectResponse;

  // `on_over` hears when a call is over, after its end was told.
  Phone(std::function<void(Request)> send, std::function<void()> on_over);

  void call(const std::string& user_id);

  // Says something to whoever takes part in a call.
  void say(const std::string& text);

  // Hangs up whatever there is; whether there was anything.
  bool hang_up();

  void receive(const Response& response);

 private:
  struct Call {
    Description local;
    bool is_outgoing = false;
    bool is_answered = false;
    bool is_connected = false;
  };

  void begin(const signaling::v1::Welcome& welcome);
  void offered(const Response& response);
  void ring_backlog();
  void ring(const Response& response);
  void answer(const std::string& call_id, const Call& call, std::uint32_t negotiation);
  void heard(const Response& response, Call& call);
  void progress(const Response& response, Call& call);
  void start(const std::string& call_id, Call& call);
  void offer_again(const std::string& call_id, Call& call);
  void send_candidates(const std::string& call_id, const Call& call);
  void report_connected(const std::string& call_id, Call& call);
  void refused(const Response& response);
  void over(const std::string& call_id, const signaling::v1::CallEnded& ended);
  void lost(const std::string& call_id);

  const std::function<void(Request)> send_;
  const std::function<void()> on_over_;
  std::mutex mutex_;  // of what follows
  std::map<std::string, Call> calls_;
  std::map<std::string, Response> backlog_;  // offers that may be history
  std::uint32_t last_seq_ = 0;               // up to here what comes is backlog
};

}  // namespace example
