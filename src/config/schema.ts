// config.json as a schema: every key, what it may be, its default, and what it is for (config.schema.json is made from it). load.ts reads files with
// it; everything else takes the typed result. A message here is only the expectation; problems.ts adds the key and the value.
import { isIP } from 'node:net';
import path from 'node:path';
import { z } from 'zod';
import { inert, inertLimits, inertTrace } from './inert.ts';
import { registryExpectation, registryProblem } from './registry-location.ts';
import { day, positive, sandboxLimits, text, truth, whole } from './values.ts';

const portExpectation = 'a port from 0 to 65535, as a number or a string (0 takes a free one)';
const hostExpectation = 'a host name or address to listen on, without a port ("0.0.0.0" for all)';
const logExpectation = '"stdout", a file path, true (stdout) or false (nowhere)';
const registryAuthExpectation = 'an object from registry hosts ("registry.example.org", "localhost:5000") to credentials';
const imageExpectation = 'the name of an image, like python:3.12-slim, or ""';
const socketExpectation = 'the absolute path of a unix socket, unix://<path>, or ""';
const insecureExpectation = 'a list of registry hosts ("registry.example.org:5000")';
const tokenExpectation = '16 to 1024 visible ASCII characters';

const secret = () => text('a string that is not empty');

const limits = {
  procs: sandboxLimits.procs.default(10).describe('Processes and threads of one sandbox.'),
  mem_mb: sandboxLimits.mem_mb.default(50).describe('Memory of one sandbox in MB.'),
  cpu_percent: sandboxLimits.cpu_percent.default(100).describe('Processor time of one sandbox: 100 is one whole processor.'),
  swappiness: sandboxLimits.swappiness.default(0).describe('0 forbids swap, anything else allows it (cgroup v2 has no swappiness).'),
  runtime_sec: z
    .union([z.literal(0), sandboxLimits.runtime_sec], 'a number of seconds from 0 to 86400')
    .default(0)
    .describe('Seconds that a call may take. Absent or 0, as OpenLambda has it: what max_runtime_default says.'),
  max_runtime_default: positive(86_400, 'seconds').default(30).describe("OpenLambda's older name of runtime_sec."),
  tmp_mb: sandboxLimits.tmp_mb.default(64).describe('Size of the private /tmp of one sandbox in MB.'),
  queue: sandboxLimits.queue.default(1000).describe('Calls of one lambda that may wait for an instance; one more is answered 429.'),
  body_mb: sandboxLimits.body_mb.default(8).describe('Size of a request body in MB; a larger one is answered 413.'),
  header_kb: whole(1, 64, 'KiB').default(16).describe('Size of the head of a request in KiB.'),
  enforce: z
    .enum(['best-effort', 'strict'], '"best-effort" or "strict"')
    .default('best-effort')
    .describe('"strict" refuses to start where a limit cannot be enforced; "best-effort" says so and runs.'),
  ...inertLimits,
};

/** The keys that do something. */
export const active = {
  worker_port: z
    .union(
      [
        whole(0, 65_535),
        z
          .string()
          .regex(/^\d{1,5}$/)
          .transform(Number)
          .pipe(whole(0, 65_535)),
      ],
      portExpectation,
    )
    .prefault(8080)
    .describe('The TCP port of the front end, as a number or a string; 0 takes a free one.'),
  worker_url: text(hostExpectation)
    .transform((value) => value.replace(/^\[(.*:.*)\]$/, '$1'))
    .refine((value) => /^[a-z0-9_]([a-z0-9._-]{0,252}[a-z0-9_])?\.?$/i.test(value) || isIP(value) !== 0, hostExpectation)
    .prefault('localhost')
    .describe('The host to listen on. Anything but loopback needs admin_token, or the admin API is off.'),
  http_engine: z
    .enum(['auto', 'node'], '"auto" or "node"')
    .default('auto')
    .describe(
      'What serves HTTP: "auto" is uWebSockets.js where it loads, else node:http; "node" is node:http, which takes three times the processor time.',
    ),
  admin_tcp: truth()
    .default(true)
    .describe('Whether the admin API is there over TCP, beside the socket. While it is, pages of lambdas are sandboxed in browsers.'),
  admin_token: z
    .string(tokenExpectation)
    .regex(/^[\x21-\x7e]{16,1024}$/, tokenExpectation)
    .optional()
    .describe('What clients that are not on this machine send to use the admin API.'),
  registry: z
    .string(registryExpectation)
    .superRefine((value, context) => {
      const message = registryProblem(value);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .default('')
    .describe(
      'Where lambdas come from: a directory, or a URL: file:///dir, http(s)://host/path/ or s3://bucket/prefix (with <name>.tar.gz or <name>.py below it), or oci://host[:port]/prefix (where <name>:latest is an image). "" is the directory "registry" in worker_dir.',
    ),
  registry_auth: z
    .record(
      z.string(),
      z.union(
        [z.strictObject({ username: secret(), password: secret() }), z.strictObject({ token: secret() })],
        '{"username": …, "password": …} or {"token": …}',
      ),
      registryAuthExpectation,
    )
    .refine((hosts) => Object.keys(hosts).every((host) => /^[^/\s@]+$/.test(host)), registryAuthExpectation)
    .optional()
    .describe('Credentials by registry host (host or host:port): a username and a password, or a token. They are sent to that host only.'),
  registry_ca: text('a file')
    .optional()
    .describe('A file with certificates (PEM) of authorities that are trusted to tell who a registry is, beside the usual ones.'),
  insecure_registries: z
    .array(z.string(insecureExpectation).regex(/^[^/\s@]+$/, insecureExpectation), insecureExpectation)
    .default([])
    .describe('Hosts of image registries that may be asked without TLS, beside this machine: only where the network between is trusted.'),
  image_store_mb: whole(16, 1 << 24, 'MB')
    .default(20_480)
    .describe(
      'Disk space in MB for the unpacked layers of images; those not used for longest go first, those in use never. No image may be larger.',
    ),
  sandbox: z
    .enum(['docker', 'sock'], '"docker" or "sock"')
    .default('docker')
    .describe(
      'The backend: "sock" makes sandboxes from Linux primitives, "docker" has containers made by a Docker engine on this machine.',
    ),
  docker: z
    .strictObject(
      {
        runtime: z.string('a string').default('').describe('The OCI runtime of the engine, like runsc; "" is its default.'),
        base_image: z
          .string(imageExpectation)
          .regex(/^$|^[A-Za-z0-9][^\s?#]*$/, imageExpectation)
          .default('')
          .describe('The image that code packages run in, any with python3; "" makes one of the host\'s own /usr.'),
        socket: z
          .string(socketExpectation)
          .refine((value) => value === '' || path.isAbsolute(value.replace(/^unix:\/\//, '')), socketExpectation)
          .default('')
          .describe('The unix socket of the engine; "" is what DOCKER_HOST says, else /var/run/docker.sock.'),
      },
      'an object',
    )
    .prefault({})
    .describe('The docker backend.'),
  log_output: z
    .union([truth(), text(logExpectation)], logExpectation)
    .default('stdout')
    .describe('Where the log goes: "stdout", a file, true (stdout) or false (nowhere).'),
  log_level: z
    .enum(['error', 'warn', 'info', 'debug'], '"error", "warn", "info" or "debug"')
    .default('info')
    .describe('The least important lines that the log has. What lambdas print is "info"; "debug" has a line for each call.'),
  worker_dir: text('a directory').default('./worker').describe('The directory of code, stores, and the pid file.'),
  server_mode: z
    .enum(['lambda', 'sock'], '"lambda" or "sock"')
    .default('lambda')
    .describe('"lambda" serves lambdas by name; "sock" serves single sandboxes (/create, /destroy …).'),
  registry_cache_ms: whole(0, day, 'ms').default(5000).describe('Time for which code is used without a look for newer.'),
  mem_pool_mb: whole(1, 1 << 24, 'MB')
    .optional()
    .describe('Memory in MB that all sandboxes may use together. Absent: the memory of the machine less 500, at least 500.'),
  sock_base_path: z
    .string('"host" or an absolute directory')
    .refine((value) => value === 'host' || path.isAbsolute(value), '"host" or an absolute directory')
    .default('host')
    .describe('The root file system of sandboxes: "host" is the host\'s own /usr, read-only; else an absolute directory.'),
  network: z
    .literal('none', '"none" (this version gives sandboxes no network)')
    .default('none')
    .describe('The network of sandboxes: none.'),
  limits: z.strictObject(limits, 'an object').prefault({}).describe('What one sandbox may use. A lambda can ask for less in its ol.yaml.'),
  keep_warm_ms: whole(0, day, 'ms').default(60_000).describe('Time after which an idle instance ends.'),
  freeze_after_ms: whole(0, day, 'ms').default(1000).describe('Time after which an idle instance is frozen.'),
  drain_ms: whole(0, day, 'ms')
    .default(0)
    .describe(
      'When told to stop: time for which /status says draining while calls are still taken, in its last half (at most 2.5 s) only on open connections, so that a load balancer can turn away.',
    ),
  standbys: whole(0, 64).default(2).describe('Sealed standby sandboxes that wait for a lambda: the least that is kept.'),
  max_standbys: whole(0, 64).optional().describe('The most standbys that are kept. Absent: 8, or standbys if that is more.'),
  lambda_zygotes: z
    .enum(['auto', 'off'], '"auto" or "off"')
    .default('auto')
    .describe('Whether a lambda with many slow starts gets a zygote of its own, with its code imported.'),
  eviction: z
    .enum(['lru', 'ttl', 'gdsf'], '"lru", "ttl" or "gdsf"')
    .default('lru')
    .describe('Which idle instance goes when memory is short: least recently used, oldest by time to live, or greedy dual size frequency.'),
  force_start: truth().default(true).describe('Whether callers may choose the start class with X-Force-Start.'),
  max_instances: whole(1, 10_000).default(64).describe('Instances of one lambda.'),
  trace: z
    .strictObject(
      {
        requests: whole(0, 100_000).default(1000).describe('Recent requests that /trace keeps.'),
        ...inertTrace,
      },
      'an object',
    )
    .prefault({})
    .describe('Traces of requests.'),
};

/** The whole file: unknown keys are problems, keys of `inert` are known. */
export const file = z.strictObject(
  { $schema: z.string('a string').optional().describe('Where this schema is, for editors.'), ...active, ...inert },
  'a JSON object',
);

/** The checked file without its inert keys. */
export const activeOnly = z.object(active);
export type Checked = z.output<typeof activeOnly>;
