// The environment of a lambda's program: the sandbox's, the lambda's own over it, and what is told of each request.
#pragma once

#include "json.h"

namespace sock::program {

class Environment {
 public:
  /// All of the leaf's own but what the launcher added for the leaf.
  void begin(char** environment) noexcept;
  /// Takes the lambda's from the payload of kSetup.
  void set_up(Text payload) noexcept;
  /// With SOCK_REQUEST_ID and others from a request's head. Null when there are too many variables or they are too long. Until the next
  /// call.
  char** of_request(Text head) noexcept;
  /// Whether the lambda wants its standard output streamed as it comes (SOCK_STREAM=1).
  bool streams() const noexcept { return streams_; }

 private:
  static constexpr unsigned kMost = 4096;
  static constexpr unsigned kOfRequest = 16;

  void add(char* variable) noexcept;

  char* variables_[kMost + kOfRequest + 1];
  unsigned count_;
  bool too_much_, streams_;
  char own_[1 << 20];      // the payload is no longer, nor is what it says
  char request_[1 << 17];  // a head is at most 64 KiB
};

}  // namespace sock::program
