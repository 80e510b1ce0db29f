#include "client.h"

#include <algorithm>
#include <thread>

namespace example {
namespace {

using namespace std::chrono_literals;
using signaling::v1::ERROR_CODE_UNAVAILABLE;
using signaling::v1::SignalingService;

constexpr auto kAckDelay = 200ms;        // an ack waits this long for a request to ride on
constexpr std::uint32_t kAckEvery = 32;  // or for this many responses
constexpr auto kMinBackoff = 500ms;      // a wait is drawn from 0 to this, doubled by every failure
constexpr auto kMaxBackoff = 30'000ms;
constexpr auto kWelcomeTimeout = 20s;  // seconds of it are normal where thousands come at once
constexpr int kKeepaliveMilliseconds = 15'000;  // the service allows a ping every 10 s
constexpr int kKeepaliveTimeoutMilliseconds = 5'000;

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a new connection, to any node
  return arguments;
}

// Whether to come again would change nothing. ABORTED: a newer stream of this device took over.
bool is_final(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::ABORTED:
    case grpc::PERMISSION_DENIED:
    case grpc::INVALID_ARGUMENT:
    case grpc::FAILED_PRECONDITION:
      return true;
    default:
      return false;
  }
}

std::chrono::nanoseconds length(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + std::chrono::nanoseconds(duration.nanos());
}

}  // namespace

void Client::send(ConnectRequest request) {
  const std::lock_guard lock(mutex_);
  outbox_.add(std::move(request));
  changed_.notify_all();
}

void Client::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = is_leaving_ = true;
  if (context_ != nullptr && !is_open_) context_->TryCancel();  // there is nothing to flush
  changed_.notify_all();
}

grpc::Status Client::run() {
  Metadata rejected;  // the identity that was turned away last
  grpc::Status rejection;
  int failures = 0;  // since the last welcome
  while (!is_closed()) {
    const Metadata identity = options_.identity();
    if (identity == rejected) return rejection;
    const grpc::Status status = connect(identity);
    if (is_final(status)) return status;
    if (status.error_code() == grpc::UNAUTHENTICATED) {
      if (!rejected.empty() && !was_welcomed_) return status;  // nor does a new token help
      rejected = identity;
      rejection = status;
    } else if (was_welcomed_) {
      rejected.clear();
    }
    if (is_closed()) break;
    options_.on_disconnected(status);
    failures = was_welcomed_ ? 1 : failures + 1;
    back_off(failures - 1);
  }
  return grpc::Status::OK;
}

// One stream, from its hello to the status it ends with.
grpc::Status Client::connect(const Metadata& identity) {
  grpc::ClientContext context;
  for (const auto& [key, value] : identity) context.AddMetadata(key, value);
  const auto stub = SignalingService::NewStub(
      grpc::CreateCustomChannel(options_.target, options_.credentials, channel_arguments()));
  const std::unique_ptr<Stream> stream = stub->Connect(&context);
  open(&context);
  std::thread writer([&] { write(*stream); });
  ConnectResponse response;
  while (stream->Read(&response)) {
    if (receive(response)) continue;
    context.TryCancel();
    break;
  }
  end();
  writer.join();
  return stream->Finish();
}

void Client::open(grpc::ClientContext* context) {
  const std::lock_guard lock(mutex_);
  context_ = context;
  was_welcomed_ = is_open_ = false;
  is_leaving_ = is_closed_;
  if (is_closed_) context->TryCancel();
  welcome_by_ = Clock::now() + kWelcomeTimeout;
  ack_by_ = leave_at_ = std::nullopt;
}

void Client::end() {
  const std::lock_guard lock(mutex_);
  context_ = nullptr;
  is_open_ = false;
  changed_.notify_all();
}

// Full jitter: without it everybody would come back in the same instant.
void Client::back_off(int doublings) {
  std::unique_lock lock(mutex_);
  if (is_leaving_) return;  // a drain had its wait already
  const int factor = 1 << std::min(doublings, 6);
  const auto most = std::min<std::chrono::milliseconds>(kMaxBackoff, kMinBackoff * factor);
  std::uniform_int_distribution<std::int64_t> draw(0, most.count());
  changed_.wait_for(lock, std::chrono::milliseconds(draw(random_)), [&] { return is_closed_; });
}

bool Client::is_closed() {
  const std::lock_guard lock(mutex_);
  return is_closed_;
}

// Whether the stream is still of use.
bool Client::receive(const ConnectResponse& response) {
  std::unique_lock lock(mutex_);
  if (!accept(response)) return false;
  if (response.seq() != 0 && response.seq() <= processed_) return true;  // came before
  lock.unlock();
  // a payload that is unknown here counts as none: it is acknowledged and ignored
  const bool is_known = response.payload_case() != ConnectResponse::PAYLOAD_NOT_SET;
  if (is_known) options_.on_response(response);
  lock.lock();
  owe_ack(response.seq());
  changed_.notify_all();
  return true;
}

// What a response means for the stream, whatever it means for a call.
bool Client::accept(const ConnectResponse& response) {
  if (response.has_welcome()) {
    if (!begin(response)) return false;
  } else if (response.has_draining()) {
    leave_at_ = Clock::now() + length(response.draining().reconnect_after());
  } else if (response.seq() == 0 && response.error().code() == ERROR_CODE_UNAVAILABLE) {
    outbox_.refuse(response.error().in_reply_to());
    return false;  // the service cannot reach its data: come back, and send it again
  }
  outbox_.acknowledge(response.ack());
  return true;
}

// Goes on where the session stands, or starts anew; false if neither is possible on this stream.
bool Client::begin(const ConnectResponse& response) {
  const auto& welcome = response.welcome();
  welcome_by_.reset();
  was_welcomed_ = true;
  if (welcome.resumed() && outbox_.has_lost(response.ack())) {
    session_id_.clear();  // it has forgotten what it had acknowledged
    start_anew();
    return false;
  }
  if (!welcome.resumed() && !session_id_.empty()) start_anew();
  session_id_ = welcome.session_id();
  acked_ = processed_;  // the hello has said so
  outbox_.resume(response.ack());
  is_open_ = true;
  return true;
}

void Client::start_anew() {
  outbox_.clear();
  processed_ = acked_ = 0;
}

void Client::owe_ack(std::uint32_t seq) {
  processed_ = std::max(processed_, seq);
  if (processed_ > acked_ && !ack_by_) ack_by_ = Clock::now() + kAckDelay;
}

// The thread that writes: the hello, then what is due when it is due.
void Client::write(Stream& stream) {
  if (!stream.Write(hello())) return;
  std::unique_lock lock(mutex_);
  while (context_ != nullptr) {
    const auto now = Clock::now();
    if (welcome_by_ && *welcome_by_ <= now) return context_->TryCancel();
    if (leave_at_ && *leave_at_ <= now) is_leaving_ = true;
    const bool is_last = is_open_ && is_leaving_;
    const std::vector<ConnectRequest> requests = due();
    if (requests.empty() && !is_last) {
      wait(lock);
      continue;
    }
    lock.unlock();
    for (const ConnectRequest& request : requests) {
      if (!stream.Write(request)) return;
    }
    if (is_last) {
      stream.WritesDone();
      return;
    }
    lock.lock();
  }
}

ConnectRequest Client::hello() {
  const std::lock_guard lock(mutex_);
  ConnectRequest request;
  request.set_ack(processed_);
  request.mutable_hello()->set_agent(options_.agent);
  if (!session_id_.empty()) request.mutable_hello()->set_session_id(session_id_);
  return request;
}

// What is to be written now: requests that carry an ack, or a bare ack that has waited long enough.
std::vector<ConnectRequest> Client::due() {
  if (!is_open_) return {};
  std::vector<ConnectRequest> requests = outbox_.take();
  const bool is_late = is_leaving_ || (ack_by_ && *ack_by_ <= Clock::now());
  const std::uint32_t owed = processed_ - acked_;
  if (requests.empty() && owed > 0 && (is_late || owed >= kAckEvery)) requests.emplace_back();
  if (requests.empty()) return requests;
  for (ConnectRequest& request : requests) request.set_ack(processed_);
  acked_ = processed_;
  ack_by_.reset();
  return requests;
}

void Client::wait(std::unique_lock<std::mutex>& lock) {
  Time next;
  for (const Time& one : {welcome_by_, ack_by_, leave_at_}) {
    if (one && (!next || *one < *next)) next = one;
  }
  if (next) {
    changed_.wait_until(lock, *next);
  } else {
    changed_.wait(lock);
  }
}

}  // namespace example
