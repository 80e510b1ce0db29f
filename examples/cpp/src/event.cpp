#include "event.h"

#include <cstdio>
#include <iostream>
#include <mutex>

namespace example {
namespace {

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') {
      json += '\\';
      json += character;
    } else if (static_cast<unsigned char>(character) < 0x20) {
      char escape[7];
      std::snprintf(escape, sizeof escape, "\\u%04x", character);
      json += escape;
    } else {
      json += character;
    }
  }
  return json + '"';
}

}  // namespace

Event& Event::with(std::string_view name, std::string_view text) {
  return with_json(name, quoted(text));
}

Event& Event::with(std::string_view name, bool value) {
  return with_json(name, value ? "true" : "false");
}

Event& Event::with(std::string_view name, int value) {
  return with_json(name, std::to_string(value));
}

void Event::tell() const {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << '{' << members_ << '}' << std::endl;
}

Event& Event::with_json(std::string_view name, std::string_view json) {
  if (!members_.empty()) members_ += ", ";
  members_.append(quoted(name)).append(": ").append(json);
  return *this;
}

}  // namespace example
