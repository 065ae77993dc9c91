// One run of a lambda's program, for programs without libc: a process with three pipes, and the end of all that it leaves behind.
#pragma once

#include <stdint.h>

namespace sock::program {

/// Blocks SIGCHLD and SIGPIPE and has the former told by a descriptor instead. Once in a leaf; the descriptor.
int watch_children() noexcept;

class Process {
 public:
  /// Starts it; our ends of the pipes do not block. 0, or a negative errno: then it has no pipes and needs no end().
  long start(const char* path, char** argv, char** environment) noexcept;

  /// Reaps what has ended. True when the program itself has.
  bool reap(int watch) noexcept;
  /// Kills the program and all of its descendants and reaps them.
  void end() noexcept;

  /// Of wait(2), once the program has ended.
  int status() const noexcept { return status_; }
  int in() const noexcept { return in_; }
  int out() const noexcept { return out_; }
  int err() const noexcept { return err_; }
  void close_in() noexcept { close(in_); }
  void close_out() noexcept { close(out_); }
  void close_err() noexcept { close(err_); }

 private:
  static void close(int& fd) noexcept;
  void take(long pid, int status) noexcept;

  long pid_ = -1;
  bool ended_ = true;
  int status_ = 0;
  int in_ = -1, out_ = -1, err_ = -1;
};

}  // namespace sock::program
