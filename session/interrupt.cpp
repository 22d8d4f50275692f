#include "session/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

namespace longshot {
namespace {

// A signal handler can reach nothing but a global.
std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free);

void OnInterrupt(int) {
  if (interrupts.fetch_add(1) > 0) ::_exit(kInterruptedStatus);
}

}  // namespace

void CatchInterrupt() {
  struct sigaction action {};
  action.sa_handler = OnInterrupt;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
}

bool Interrupted() { return interrupts.load() > 0; }

}  // namespace longshot
