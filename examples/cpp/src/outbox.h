// Requests that the service has not acknowledged: they are kept, and sent again.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "signaling/v1/signaling.pb.h"

namespace example {

class Outbox {
 public:
  using Request = signaling::v1::ConnectRequest;

  // Gives a request the next number, and keeps it until it is acknowledged.
  void add(Request request);

  // What this stream has not carried yet, in order.
  std::vector<Request> take();

  void acknowledge(std::uint32_t ack);

  // The service could not reach its data, and does not know what became of this request.
  void refuse(std::uint32_t seq);

  // Whether a service that has processed requests up to `ack` has forgotten some.
  bool has_lost(std::uint32_t ack) const { return ack < acknowledged_; }

  // Goes on over a new stream: everything above `ack` is due once more.
  void resume(std::uint32_t ack);

  // A new session is numbered from 1; the old requests are about calls that are gone.
  void clear() { *this = Outbox(); }

 private:
  std::uint32_t last_ = 0;     // the highest seq given out
  std::uint32_t written_ = 0;  // the highest one given to this stream
  std::uint32_t acknowledged_ = 0;
  std::deque<Request> kept_;
  std::vector<Request> refused_;
};

}  // namespace example
