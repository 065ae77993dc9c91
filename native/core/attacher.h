// The thread that gives a waiting, sealed leaf its lambda: it steps into the leaf's mount namespace, attaches the code, sends the first request,
// and steps home afterwards, off the path. A thread, because a mount namespace can only be entered by a task that shares its root and
// working directory with no other (CLONE_FS).
#pragma once

#include <stdint.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fd.h"

namespace sock {

struct AttachJob {
  std::shared_ptr<const OwnFd> pidfd, channel;
  std::string code;                   // the directory that becomes /handler
  std::vector<uint8_t> first;         // frames to send once it is attached
  std::function<void(int error, size_t sent)> done;  // runs on this thread: errno or 0, and how much of `first` went into the channel
};

class Attacher {
 public:
  Attacher();
  ~Attacher();
  void submit(AttachJob job);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<AttachJob> jobs_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace sock
