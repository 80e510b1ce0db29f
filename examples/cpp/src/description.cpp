#include "description.h"

#include <random>

namespace example {
namespace {

std::string random_hex(int digits) {
  static thread_local std::random_device device;  // the system's own, fit for secrets
  std::uniform_int_distribution<int> draw(0, 15);
  std::string hex;
  for (int i = 0; i < digits; ++i) hex += "0123456789abcdef"[draw(device)];
  return hex;
}

void add_candidate(Description& description, const std::string& line, const std::string& ufrag) {
  auto* candidate = description.candidates.add_candidates();
  candidate->set_candidate(line);
  candidate->set_sdp_mid("0");
  candidate->set_sdp_m_line_index(0);
  candidate->set_username_fragment(ufrag);  // ties it to this generation
}

}  // namespace

Description describe() {
  const std::string ufrag = random_hex(8);
  Description description;
  description.sdp =
      "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:" + ufrag + "\r\n";
  add_candidate(description, "candidate:1 1 udp 2122260223 192.0.2.1 9 typ host", ufrag);
  add_candidate(description, "", ufrag);  // there are no more
  return description;
}

std::string random_uuid() {
  const std::string variant(1, "89ab"[std::random_device()() % 4]);
  return random_hex(8) + "-" + random_hex(4) + "-4" + random_hex(3) + "-" + variant +
         random_hex(3) + "-" + random_hex(12);
}

}  // namespace example
