// A uv_poll that is closed with its owner.
#pragma once

#include <uv.h>

#include <functional>

class Poll {
 public:
  Poll() = default;
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;
  ~Poll() { stop(); }

  void start(uv_loop_t* loop, int fd, int events, std::function<void(int events)> on_event) {
    if (!handle_) {
      handle_ = new State{};
      (void)uv_poll_init(loop, &handle_->poll, fd);  // fails only for descriptors that cannot be polled; ours can
      handle_->poll.data = handle_;
    }
    handle_->on_event = std::move(on_event);
    change(events);
  }
  void change(int events) {
    handle_->events = events;
    (void)uv_poll_start(&handle_->poll, events, [](uv_poll_t* poll, int status, int ready) {
      auto* state = static_cast<State*>(poll->data);
      state->on_event(status < 0 ? UV_READABLE : ready);  // an error shows at the read that follows
    });
  }
  bool active() const { return handle_ != nullptr; }
  int events() const { return handle_->events; }
  void stop() {
    if (!handle_) return;
    (void)uv_poll_stop(&handle_->poll);
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll), [](uv_handle_t* h) { delete static_cast<State*>(h->data); });
    handle_ = nullptr;
  }

 private:
  struct State {
    uv_poll_t poll;
    int events;
    std::function<void(int)> on_event;
  };
  State* handle_ = nullptr;
};
