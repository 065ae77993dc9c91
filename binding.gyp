# Builds: the core (C++20, knows nothing of Node), the child of a clone (no libc), the addon, the guest library, the bare zygote and what times it, and
# with -Dtests=1 the core's tests.
{
  "variables": {
    "tests%": 0,
    "core_sources": [
      "native/core/attacher.cc", "native/core/bpf.cc", "native/core/cgroup.cc", "native/core/clone.cc", "native/core/forking.cc", "native/core/frames.cc", "native/core/identity.cc", "native/core/listening.cc",
      "native/core/mounts.cc", "native/core/namespaces.cc", "native/core/policy.cc", "native/core/spawn.cc", "native/core/words.cc"
    ],
    "guest_sources": ["native/guest/atfork.cc", "native/guest/guest.cc", "native/guest/leaf.cc"],
    "program_sources": ["native/launcher/program.cc"],
    "lone_program_sources": ["<@(program_sources)", "native/launcher/memory.cc"],
    "zygote_sources": ["<@(program_sources)", "<@(guest_sources)", "native/launcher/zygote.cc"],
    # Programs without libc, and without whatever the compiler or the linker would add for one.
    "freestanding": [
      "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-fno-stack-protector", "-fno-threadsafe-statics", "-fno-asynchronous-unwind-tables", "-O2"
    ],
    "freestanding_link": ["-nostdlib", "-static", "-Wl,-z,noseparate-code"],
    "test_sources": [
      "native/test/attacher_test.cc", "native/test/bpf_machine.cc", "native/test/bpf_test.cc", "native/test/cgroup_test.cc", "native/test/exit_test.cc",
      "native/test/fd_test.cc", "native/test/forking_test.cc", "native/test/frames_test.cc", "native/test/harness.cc",
      "native/test/launcher_test.cc", "native/test/mounts_test.cc", "native/test/namespaces_test.cc",
      "native/test/policy_test.cc", "native/test/rig.cc", "native/test/spawn_test.cc", "native/test/zygote_fork_test.cc", "native/test/zygote_rig.cc",
      "native/test/zygote_test.cc"
    ]
  },
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
      "sources": ["<@(core_sources)"]
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
      "sources": ["<@(guest_sources)"],
      "cflags_cc": ["-fPIC", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-fno-stack-protector", "-fno-threadsafe-statics", "-O2"],
      "ldflags": ["-nostdlib", "-Wl,-z,relro,-z,now"]
    },
    {
      "target_name": "bare_zygote",
      "type": "executable",
      "sources": ["native/bare/bare_zygote.cc", "<@(zygote_sources)"],
      "cflags_cc": ["<@(freestanding)"],
      "ldflags!": ["-rdynamic"],
      "ldflags": ["<@(freestanding_link)"]
    },
    {
      "target_name": "launcher",
      "type": "executable",
      "sources": ["native/launcher/launcher.cc", "<@(zygote_sources)"],
      "cflags_cc": ["<@(freestanding)"],
      "ldflags!": ["-rdynamic"],
      "ldflags": ["<@(freestanding_link)"]
    },
    {
      "target_name": "connect",
      "type": "executable",
      "sources": ["native/launcher/connect.cc", "<@(lone_program_sources)"],
      "cflags_cc": ["<@(freestanding)"],
      "ldflags!": ["-rdynamic"],
      "ldflags": ["<@(freestanding_link)"]
    },
    {
      "target_name": "native_leaf",
      "type": "executable",
      "sources": [
        "native/launcher/call.cc", "native/launcher/channel.cc", "native/launcher/environment.cc", "native/launcher/json.cc", "native/launcher/message.cc",
        "native/launcher/native_leaf.cc", "native/launcher/process.cc", "native/launcher/reply.cc", "native/launcher/result.cc", "<@(lone_program_sources)"
      ],
      "cflags_cc": ["<@(freestanding)"],
      "ldflags!": ["-rdynamic"],
      "ldflags": ["<@(freestanding_link)"]
    },
    {
      "target_name": "sandbox_bench",
      "type": "executable",
      "dependencies": ["core", "bare_zygote"],
      "sources": ["native/bare/sandbox_bench.cc"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags_cc": ["-fexceptions"]
    }
  ],
  "conditions": [
    ["tests==1", {
      "targets": [
        {
          "target_name": "probe",
          "type": "executable",
          "sources": ["native/test/probe.cc", "<@(lone_program_sources)"],
          "cflags_cc": ["<@(freestanding)"],
          "ldflags!": ["-rdynamic"],
          "ldflags": ["<@(freestanding_link)"]
        },
        {
          "target_name": "core_test",
          "type": "executable",
          "dependencies": ["core", "bare_zygote", "launcher", "native_leaf", "probe"],
          "sources": ["<@(test_sources)"],
          "cflags_cc!": ["-fno-exceptions"],
          "cflags_cc": ["-fexceptions", "-O1"]
        },
        {
          "target_name": "core_test_asan",
          "type": "executable",
          "dependencies": ["child", "bare_zygote", "launcher", "native_leaf", "probe"],
          "sources": ["<@(core_sources)", "<@(test_sources)"],
          "cflags_cc!": ["-fno-exceptions", "-fno-rtti"],
          "cflags_cc": ["-fexceptions", "-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
          "ldflags": ["-fsanitize=address,undefined"]
        }
      ]
    }]
  ]
}
