// Descriptions and candidates that look real: an app takes them from its PeerConnection.
#pragma once

#include <string>

#include "signaling/v1/signaling.pb.h"

namespace example {

struct Description {
  std::string sdp;
  signaling::v1::IceCandidates candidates;
};

// One of a new ICE generation.
Description describe();

// A UUID of version 4: whoever could guess the id of a call could be in its way.
std::string random_uuid();

}  // namespace example
