// Kernel interfaces that no lambda needs, each a way into the kernel that others have taken.
import assert from 'node:assert/strict';
import { type Attempt, reaches, refused, type Table, works, worksIfThere } from '../attempts.ts';

const x86 = process.arch === 'x64';

const attempts: Attempt[] = [
  ...refused('EPERM', {
    ptrace_child: 'trace its own child',
    ptrace_traceme: 'be traced',
    other_memory_readv: 'read the memory of another process',
    other_memory_writev: 'write the memory of another process',
    take_descriptor: 'take a descriptor of another process',
    keyctl_session: 'use its session keyring',
    keyctl_describe: 'look at keys',
    watch: 'watch a file that everybody shares',
    add_key: 'add a key',
    request_key: 'ask for a key',
    bpf_map: 'make a BPF map',
    bpf_program: 'load a BPF program',
    set_time: 'set the time',
    adjust_clock: 'look at or adjust the clock',
    kernel_log: "use the kernel's log",
    hang_up: 'hang up the terminal',
    no_address_randomization: 'switch address randomization off',
  }),
  ...refused(
    'EPERM',
    { kcmp: 'compare kernel objects', perf_event: 'count performance events', watch_everything: 'use fanotify' },
    worksIfThere,
  ),
  ...refused('EPERM', { file_handle: 'open a file by its handle' }, worksIfThere),
  ...refused('EPERM', { made_up_file_handle: 'open a directory of the host by a handle that it made up' }, reaches),
  ...refused('ENOSYS', { io_uring: 'use io_uring', userfaultfd: 'handle page faults' }, worksIfThere),
  ...refused(
    'EPERM',
    {
      set_clock: 'set a clock',
      reboot: 'reboot',
      load_kernel: 'load another kernel',
      load_module: 'load a module',
      swap_on: 'swap',
      quota: 'use quotas',
      accounting: 'switch accounting',
      push_input_plain: 'push input into a terminal (TIOCSTI)',
      push_input_high_bits: 'push input with bits above the request number',
      terminal_console_selection: 'select on a console (TIOCLINUX)',
      terminal_line_discipline: 'load a line discipline (TIOCSETD)',
      terminal_console: 'take the console (TIOCCONS)',
    },
    reaches,
  ),
  ...refused(
    'EAFNOSUPPORT',
    Object.fromEntries(
      ['packet', 'vsock', 'alg', 'bluetooth', 'can', 'xdp', 'tipc', 'rds'].map((f) => [
        `socket_family_${f}`,
        `open a socket of the family ${f}`,
      ]),
    ),
    worksIfThere,
  ),
  ...refused('EPERM', {
    raw_socket_ip: 'open a raw IP socket',
    raw_socket_icmp: 'open a raw ICMP socket',
    raw_socket_ip6: 'open a raw IPv6 socket',
  }),
  ...refused('EPERM EACCES', { ping_socket: 'open a ping socket' }, 'for whom it works is a setting of the namespace'),
  ...refused('EPERM ECONNREFUSED EPROTONOSUPPORT', { audit_messages: 'read audit messages' }, 'audit is the first network namespace’s'),
  ...refused('EPERM', { make_device_block: 'make a block device', make_device_character: 'make a character device' }),
  ...(x86
    ? [
        ...refused(
          'EPERM',
          { io_ports: 'use io ports', io_port_bits: 'use an io port', segment_table: 'read its segment table' },
          worksIfThere,
        ),
        ...refused('ENOSYS', { x32_call: 'make an x32 call' }, 'most kernels have none'),
        {
          attack: 'call_by_interrupt',
          what: 'make a 32-bit call and live',
          inside: (outcome) => assert.deepEqual(outcome, { signal: 31 }),
          control: works,
        } satisfies Attempt,
      ]
    : []),
];

export const kernel: Table = { group: 'kernel', attempts };
