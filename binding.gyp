# Builds: the core (C++20, knows nothing of Node), the child of a clone (no libc), the addon, the guest library, and with -Dtests=1 the core's tests.
{
  "variables": { "tests%": 0 },
  "target_defaults": {
    "cflags": ["-Wall", "-Wextra", "-Wno-missing-field-initializers", "-fvisibility=hidden"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++20"],
    "default_configuration": "Release"
  },
  "targets": [
    {
      "target_name": "child",
      "type": "static_library",
      "sources": ["native/core/child.cc"],
      "cflags_cc": ["-fPIC", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-fno-stack-protector", "-O2"]
    },
    {
      "target_name": "core",
      "type": "static_library",
      "dependencies": ["child"],
      "export_dependent_settings": ["child"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags_cc": ["-fPIC", "-fexceptions"],
      "sources": [
        "native/core/attacher.cc", "native/core/bpf.cc", "native/core/cgroup.cc", "native/core/clone.cc", "native/core/forking.cc", "native/core/frames.cc",
        "native/core/mounts.cc", "native/core/namespaces.cc", "native/core/policy.cc", "native/core/spawn.cc", "native/core/words.cc"
      ]
    },
    {
      "target_name": "sock",
      "dependencies": ["core"],
      "sources": ["native/addon/addon.cc", "native/addon/environment.cc", "native/addon/fork_server.cc", "native/addon/process.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NAPI_CPP_EXCEPTIONS"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags_cc": ["-fexceptions"],
      "ldflags": ["-Wl,-z,relro,-z,now"]
    },
    {
      "target_name": "guest",
      "type": "shared_library",
      "product_prefix": "",
      "sources": ["native/guest/atfork.cc", "native/guest/guest.cc", "native/guest/leaf.cc"],
      "cflags_cc": ["-fPIC", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-fno-stack-protector", "-fno-threadsafe-statics", "-O2"],
      "ldflags": ["-nostdlib", "-Wl,-z,relro,-z,now"]
    }
  ]
}
