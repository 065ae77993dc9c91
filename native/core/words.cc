#include "words.h"

namespace sock {
namespace {

const char* text(wire::Step step) {
  using wire::Step;
  switch (step) {
    case Step::kEnterUser: return "enter the user namespace";
    case Step::kUnshare: return "make namespaces";
    case Step::kEnterNetwork: return "enter or bring up the network namespace";
    case Step::kPrivateMounts: return "make the mounts private";
    case Step::kMoveMount: return "attach a mount of the sandbox";
    case Step::kMountProc: return "mount /proc (is the host's own /proc partly hidden, as inside another container?)";
    case Step::kMask: return "mask a file of /proc";
    case Step::kChroot: return "change into the sandbox's root";
    case Step::kPivot: return "pivot into the sandbox's root";
    case Step::kDetachOld: return "detach the old root";
    case Step::kDescriptors: return "place the descriptors";
    case Step::kLimits: return "set a resource limit";
    case Step::kSession: return "set up session and process attributes";
    case Step::kIds: return "take the unprivileged ids";
    case Step::kCapabilities: return "drop the capabilities";
    case Step::kKeyring: return "join a session keyring";
    case Step::kNoNewPrivs: return "set no_new_privs";
    case Step::kSeccomp: return "install the seccomp filter";
    case Step::kHostname: return "set the host name";
    case Step::kWriteFile: return "set oom_score_adj";
    case Step::kExec: return "execute the program (is it inside the base root filesystem?)";
  }
  return "finish an unknown step";  // a value that the child, which is not trusted, made up
}

}  // namespace

std::string describe(const wire::SetupFailure& failure) {
  return std::string(text(failure.step)) + " (item " + std::to_string(failure.index) + ")";
}

}  // namespace sock
