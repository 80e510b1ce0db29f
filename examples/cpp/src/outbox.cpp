#include "outbox.h"

#include <algorithm>
#include <utility>

namespace example {

void Outbox::add(Request request) {
  request.set_seq(++last_);
  kept_.push_back(std::move(request));
}

std::vector<Outbox::Request> Outbox::take() {
  std::vector<Request> due;
  for (const Request& request : kept_) {
    if (request.seq() > written_) due.push_back(request);
  }
  written_ = last_;
  return due;
}

void Outbox::acknowledge(std::uint32_t ack) {
  acknowledged_ = std::max(acknowledged_, ack);
  while (!kept_.empty() && kept_.front().seq() <= ack) kept_.pop_front();
}

void Outbox::refuse(std::uint32_t seq) {
  for (const Request& request : kept_) {
    if (request.seq() == seq) refused_.push_back(request);
  }
}

void Outbox::resume(std::uint32_t ack) {
  acknowledge(ack);
  written_ = ack;
  for (Request& request : std::exchange(refused_, {})) {
    // one that a stored request has overtaken takes a new number
    if (request.seq() < ack) add(std::move(request));
  }
}

}  // namespace example
