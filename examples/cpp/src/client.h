// One device at the service: one stream after the other, one session, nothing lost.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "outbox.h"
#include "signaling/v1/signaling.grpc.pb.h"

namespace example {

using signaling::v1::ConnectRequest;
using signaling::v1::ConnectResponse;
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct ClientOptions {
  std::string target;  // host:port
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  // Who this is; asked before every stream, so that a new token is used.
  std::function<Metadata()> identity;
  std::string agent;  // name and version of the app
  // Every response once and in order, bare acks left out. It is processed when this returns.
  std::function<void(const ConnectResponse&)> on_response;
  // A stream has ended, and there will be another one.
  std::function<void(const grpc::Status&)> on_disconnected;
};

// `run` reads in the thread that calls it, and writes in one of its own. The other methods may be
// called from any thread.
class Client {
 public:
  explicit Client(ClientOptions options) : options_(std::move(options)) {}

  // Sends a request: once, whatever happens to the connection. It needs no `seq` and no `ack`.
  void send(ConnectRequest request);

  // Leaves politely: what was sent is flushed, then `run` returns.
  void close();

  // Stays connected until `close`, and returns OK; or the status of a service that would say the
  // same again.
  grpc::Status run();

 private:
  using Clock = std::chrono::steady_clock;
  using Time = std::optional<Clock::time_point>;
  using Stream = grpc::ClientReaderWriter<ConnectRequest, ConnectResponse>;

  grpc::Status connect(const Metadata& identity);
  void open(grpc::ClientContext* context);
  void end();
  void back_off(int doublings);
  bool is_closed();

  bool receive(const ConnectResponse& response);
  bool accept(const ConnectResponse& response);
  bool begin(const ConnectResponse& response);
  void start_anew();
  void owe_ack(std::uint32_t seq);

  void write(Stream& stream);
  ConnectRequest hello();
  std::vector<ConnectRequest> due();
  void wait(std::unique_lock<std::mutex>& lock);

  const ClientOptions options_;
  std::mt19937 random_{std::random_device()()};

  std::mutex mutex_;  // of everything below
  std::condition_variable changed_;
  Outbox outbox_;
  std::string session_id_;       // empty: this process remembers nothing
  std::uint32_t processed_ = 0;  // the highest response seq that the app is done with
  std::uint32_t acked_ = 0;      // the highest one acknowledged
  bool is_closed_ = false;

  // of this stream
  grpc::ClientContext* context_ = nullptr;
  bool was_welcomed_ = false;
  bool is_open_ = false;  // it was welcomed and has not ended: requests may be written
  bool is_leaving_ = false;
  Time welcome_by_;
  Time ack_by_;
  Time leave_at_;
};

}  // namespace example
