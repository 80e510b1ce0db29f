#include "phone.h"

#include <utility>
#include <vector>

#include "event.h"

namespace example {
namespace {

using namespace signaling::v1;

ConnectRequest about(const std::string& call_id) {
  ConnectRequest request;
  request.set_call_id(call_id);
  return request;
}

std::string name_of(const Device& device) { return device.user_id() + "/" + device.device_id(); }

Event event_of(const char* name, const ConnectResponse& response) {
  return Event(name).with("call", response.call_id()).with("from", name_of(response.sender()));
}

}  // namespace

Phone::Phone(std::function<void(Request)> send, std::function<void()> on_over)
    : send_(std::move(send)), on_over_(std::move(on_over)) {}

void Phone::call(const std::string& user_id) {
  const std::lock_guard lock(mutex_);
  ConnectRequest request = about(random_uuid());
  Call& call = calls_[request.call_id()];
  call.local = describe();
  call.is_outgoing = true;
  request.mutable_offer()->set_recipient_user_id(user_id);
  request.mutable_offer()->set_sdp(call.local.sdp);
  send_(request);
  send_candidates(request.call_id(), call);  // the service holds them until there is an answer
  Event("calling").with("call", request.call_id()).with("user", user_id).tell();
}

void Phone::say(const std::string& text) {
  const std::lock_guard lock(mutex_);
  for (const auto& [call_id, call] : calls_) {
    ConnectRequest request = about(call_id);
    request.mutable_app_message()->set_content_type("text/plain");
    request.mutable_app_message()->set_body(text);
    send_(request);
  }
}

bool Phone::hang_up() {
  const std::lock_guard lock(mutex_);
  for (const auto& [call_id, call] : calls_) {
    ConnectRequest request = about(call_id);
    request.mutable_hangup();
    send_(request);
  }
  return !calls_.empty();
}

void Phone::receive(const Response& response) {
  const std::lock_guard lock(mutex_);
  const auto call = calls_.find(response.call_id());
  if (response.has_welcome()) {
    begin(response.welcome());
  } else if (response.has_offer()) {
    offered(response);
  } else if (response.has_ended()) {
    over(response.call_id(), response.ended());
  } else if (response.has_error()) {
    refused(response);
  } else if (call != calls_.end()) {
    heard(response, call->second);
  }
  if (response.seq() == 0 ? last_seq_ == 0 : response.seq() >= last_seq_) ring_backlog();
}

// On a fresh session the calls of the one before are gone, and their PeerConnections are closed.
void Phone::begin(const Welcome& welcome) {
  last_seq_ = welcome.last_seq();
  Event("connected").with("resumed", welcome.resumed()).tell();
  if (welcome.resumed()) return;
  backlog_.clear();
  for (const CallSnapshot& call : welcome.calls()) {
    if (call.has_ended()) over(call.call_id(), call.ended());
  }
  std::vector<std::string> gone;
  for (const auto& [call_id, call] : calls_) gone.push_back(call_id);
  for (const std::string& call_id : gone) lost(call_id);
}

void Phone::offered(const Response& response) {
  const auto found = calls_.find(response.call_id());
  if (found == calls_.end()) {
    backlog_[response.call_id()] = response;
    return;
  }
  Call& call = found->second;  // the peer renegotiates; an open offer of our own is rolled back
  call.local = describe();
  answer(response.call_id(), call, response.offer().negotiation());
  send_candidates(response.call_id(), call);
}

// What was offered, and has not ended in the backlog, rings now.
void Phone::ring_backlog() {
  for (const auto& [call_id, response] : std::exchange(backlog_, {})) ring(response);
}

void Phone::ring(const Response& response) {
  Call& call = calls_[response.call_id()];
  call.local = describe();
  event_of("incoming", response).tell();
  ConnectRequest request = about(response.call_id());
  request.mutable_ringing();
  send_(request);
  // a person would be asked now
  answer(response.call_id(), call, response.offer().negotiation());
}

// createAnswer and send; setLocalDescription waits until the answer has won.
void Phone::answer(const std::string& call_id, const Call& call, std::uint32_t negotiation) {
  ConnectRequest request = about(call_id);
  request.mutable_answer()->set_sdp(call.local.sdp);
  request.mutable_answer()->set_negotiation(negotiation);
  send_(request);
}

void Phone::heard(const Response& response, Call& call) {
  switch (response.payload_case()) {
    case Response::kProgress:
      progress(response, call);
      break;
    case Response::kAnswer:
      event_of("answered", response).tell();
      call.is_answered = true;
      break;
    case Response::kCandidates:
      event_of("candidates", response)
          .with("count", response.candidates().candidates_size())
          .tell();
      report_connected(response.call_id(), call);  // a path was found, as if there were media
      break;
    case Response::kConnectionState:
      event_of("peer_state", response)
          .with("state", PeerConnectionState_Name(response.connection_state().state()))
          .tell();
      break;
    case Response::kAppMessage:
      event_of("app_message", response).with("text", response.app_message().body()).tell();
      break;
    case Response::kReconnect:
      if (response.reconnect().role() == RECONNECT_ROLE_OFFER) {
        offer_again(response.call_id(), call);
      }
      break;
    default:
      break;
  }
}

void Phone::progress(const Response& response, Call& call) {
  const CallProgress& progress = response.progress();
  Event("progress")
      .with("call", response.call_id())
      .with("kind", ProgressKind_Name(progress.kind()))
      .with("device", name_of(progress.device()))
      .tell();
  if (progress.kind() == PROGRESS_KIND_WON) start(response.call_id(), call);
}

// This device has the call: now setLocalDescription, and candidates as they are gathered.
void Phone::start(const std::string& call_id, Call& call) {
  call.is_answered = true;
  send_candidates(call_id, call);
}

// An ICE restart.
void Phone::offer_again(const std::string& call_id, Call& call) {
  call.local = describe();
  call.is_connected = false;
  ConnectRequest request = about(call_id);
  request.mutable_offer()->set_sdp(call.local.sdp);
  send_(request);
  send_candidates(call_id, call);
}

void Phone::send_candidates(const std::string& call_id, const Call& call) {
  ConnectRequest request = about(call_id);
  *request.mutable_candidates() = call.local.candidates;
  send_(request);
}

void Phone::report_connected(const std::string& call_id, Call& call) {
  if (std::exchange(call.is_connected, true)) return;
  ConnectRequest request = about(call_id);
  request.mutable_connection_state()->set_state(PEER_CONNECTION_STATE_CONNECTED);
  send_(request);
}

void Phone::refused(const Response& response) {
  const RequestError& error = response.error();
  const std::string& call_id = response.call_id();
  Event("refused").with("call", call_id).with("code", ErrorCode_Name(error.code())).tell();
  const auto found = calls_.find(call_id);
  if (found == calls_.end()) return;
  const bool has_not_begun = found->second.is_outgoing && !found->second.is_answered;
  if (error.has_ended()) {
    over(call_id, error.ended());
  } else if (error.code() == ERROR_CODE_CALL_NOT_FOUND || has_not_begun) {
    lost(call_id);
  }
}

void Phone::over(const std::string& call_id, const CallEnded& ended) {
  backlog_.erase(call_id);  // a call that ended unseen does not ring
  if (calls_.erase(call_id) == 0) return;
  Event("ended")
      .with("call", call_id)
      .with("reason", EndReason_Name(ended.reason()))
      .with("by", name_of(ended.ended_by()))
      .tell();
  on_over_();
}

void Phone::lost(const std::string& call_id) {
  calls_.erase(call_id);
  Event("lost").with("call", call_id).tell();
  on_over_();
}

}  // namespace example
