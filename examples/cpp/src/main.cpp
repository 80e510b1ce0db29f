// A device in a terminal. A line of JSON says what happens; a line that is typed is said to the
// other side. Ctrl-D hangs up and leaves.

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "client.h"
#include "event.h"
#include "phone.h"

namespace {

using example::Client;
using example::Event;
using example::Metadata;
using example::Phone;

constexpr char kUsage[] =
    "usage: signaling_cpp call USER | listen [--target HOST:PORT]\n"
    "           [--user USER] [--device DEVICE] [--token-file FILE] [--tls-ca FILE]\n";

struct Arguments {
  std::string callee;  // empty: listen
  std::map<std::string, std::string> options = {{"--target", "127.0.0.1:50051"},
                                                {"--user", "alice"},
                                                {"--device", "cpp"},
                                                {"--token-file", ""},
                                                {"--tls-ca", ""}};

  const std::string& operator[](const char* option) const { return options.at(option); }
};

Arguments parse(const std::vector<std::string>& words) {
  Arguments arguments;
  std::vector<std::string> commands;
  for (auto word = words.begin(); word != words.end(); ++word) {
    const auto option = arguments.options.find(*word);
    if (option == arguments.options.end()) {
      commands.push_back(*word);
    } else if (++word == words.end()) {
      throw std::invalid_argument(option->first + " needs a value");
    } else {
      option->second = *word;
    }
  }
  const bool calls = commands.size() == 2 && commands[0] == "call" && !commands[1].empty();
  const bool listens = commands.size() == 1 && commands[0] == "listen";
  if (!calls && !listens) throw std::invalid_argument("either call USER, or listen");
  if (calls) arguments.callee = commands[1];
  return arguments;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Who this is: whom the token names, or, for development, at our word.
Metadata identity(const Arguments& arguments) {
  if (arguments["--token-file"].empty()) {
    return {{"user-id", arguments["--user"]}, {"device-id", arguments["--device"]}};
  }
  std::string token = read_file(arguments["--token-file"]);
  token.erase(token.find_last_not_of(" \r\n") + 1);
  return {{"authorization", "Bearer " + token}};
}

std::shared_ptr<grpc::ChannelCredentials> credentials(const Arguments& arguments) {
  if (arguments["--tls-ca"].empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = read_file(arguments["--tls-ca"]);
  return grpc::SslCredentials(options);
}

std::string name_of(const grpc::Status& status) {
  static const char* const names[] = {
      "OK",        "CANCELLED",     "UNKNOWN",           "INVALID_ARGUMENT",  "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
      "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
      "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"};
  return names[status.error_code()];
}

// What one thread raises, and another can poll.
class Flag {
 public:
  Flag() = default;
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  ~Flag() { close(descriptor_); }

  int descriptor() const { return descriptor_; }
  void raise() const { eventfd_write(descriptor_, 1); }

 private:
  const int descriptor_ = eventfd(0, EFD_CLOEXEC);
};

// Raises a flag at the end of a block, also when an exception ends it.
struct RaisedAtEnd {
  const Flag& flag;
  ~RaisedAtEnd() { flag.raise(); }
};

// Hands what is typed to `on_line`, until there is no more or `stop` may be read.
template <typename OnLine>
void read_lines(int stop, OnLine on_line) {
  std::string unread;
  char bytes[4096];
  while (true) {
    pollfd sources[] = {{STDIN_FILENO, POLLIN, 0}, {stop, POLLIN, 0}};
    if (poll(sources, 2, -1) < 0) continue;  // interrupted
    if (sources[1].revents != 0) return;
    const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
    if (count <= 0) return;
    unread.append(bytes, count);
    for (auto end = unread.find('\n'); end != std::string::npos; end = unread.find('\n')) {
      on_line(unread.substr(0, end));
      unread.erase(0, end + 1);
    }
  }
}

// The client and the phone that is wired to it.
class Terminal {
 public:
  explicit Terminal(const Arguments& arguments)
      : callee_(arguments.callee),
        phone_([this](auto request) { client_.send(std::move(request)); }, [this] { over(); }),
        client_({arguments["--target"], credentials(arguments),
                 [arguments] { return identity(arguments); }, "example-cpp/0.1",
                 [this](const auto& response) { receive(response); },
                 [](const grpc::Status& status) {
                   Event("disconnected").with("status", name_of(status)).tell();
                 }}) {}

  // Serves whoever sits there; returns the exit code.
  int run() {
    const Flag stopped;
    auto connection = std::async(std::launch::async, [&] {
      const RaisedAtEnd raised{stopped};
      return client_.run();
    });
    read_lines(stopped.descriptor(), [this](const std::string& line) { phone_.say(line); });
    is_leaving_ = true;
    if (!phone_.hang_up()) client_.close();  // else its end is waited for
    const grpc::Status status = connection.get();
    if (status.ok()) {
      Event("done").tell();
      return 0;
    }
    Event("turned_away").with("status", name_of(status)).tell();
    return 1;
  }

 private:
  void receive(const example::ConnectResponse& response) {
    phone_.receive(response);
    // the first response is the welcome
    if (!callee_.empty()) phone_.call(std::exchange(callee_, ""));
  }

  void over() {
    if (is_leaving_ || is_calling_) client_.close();
  }

  std::string callee_;
  const bool is_calling_ = !callee_.empty();
  std::atomic<bool> is_leaving_ = false;
  Phone phone_;
  Client client_;
};

}  // namespace

int main(int count, char** words) {
  try {
    return Terminal(parse({words + 1, words + count})).run();
  } catch (const std::invalid_argument& error) {
    std::cerr << error.what() << '\n' << kUsage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
