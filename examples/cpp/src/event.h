// What happens, as lines of JSON on standard output.
#pragma once

#include <string>
#include <string_view>

namespace example {

// Event("incoming").with("call", id).tell();
class Event {
 public:
  explicit Event(std::string_view name) { with("event", name); }

  Event& with(std::string_view name, std::string_view text);
  Event& with(std::string_view name, const char* text) {
    return with(name, std::string_view(text));  // else it would be a bool
  }
  Event& with(std::string_view name, bool value);
  Event& with(std::string_view name, int value);

  // Prints it. Threads may do so at once.
  void tell() const;

 private:
  Event& with_json(std::string_view name, std::string_view json);

  std::string members_;
};

}  // namespace example
