// config.json as a schema: every key, what it may be, and its default. load.ts reads files with it; everything else takes the typed result.
// A message here is only the expectation ("a whole number …"); problems.ts adds the key and the value.
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { inert } from './inert.ts';

const whole = (least: number, most: number, unit = '') => {
  const expectation = `a whole number${unit === '' ? '' : ` of ${unit}`} from ${least} to ${most}`;
  return z.int(expectation).min(least, expectation).max(most, expectation);
};
const positive = (most: number, unit: string) => {
  const expectation = `a number of ${unit} above 0, at most ${most}`;
  return z.number(expectation).positive(expectation).max(most, expectation);
};
const truth = () => z.boolean('true or false');
const text = (expectation: string) => z.string(expectation).min(1, expectation);

const day = 86_400_000;
const portExpectation = 'a port from 0 to 65535, as a number or a string (0 takes a free one)';
const logExpectation = '"stdout", a file path, true (stdout) or false (nowhere)';
const registryExpectation = 'a directory or a file:// URL (this version reads registries from directories only)';

const limits = {
  /** Processes and threads of one sandbox. */
  procs: whole(1, 32_768).default(10),
  mem_mb: whole(8, 1 << 20, 'MB').default(50),
  /** 100 is one whole processor. */
  cpu_percent: whole(1, 100_000, 'percent').default(100),
  /** cgroup v2 has no swappiness: 0 forbids swap, anything else allows it. */
  swappiness: whole(0, 100).default(0),
  /** Absent or 0, as OpenLambda has it: `max_runtime_default`. */
  runtime_sec: z.union([z.literal(0), positive(86_400, 'seconds')], 'a number of seconds from 0 to 86400').default(0),
  max_runtime_default: positive(86_400, 'seconds').default(30),
  tmp_mb: whole(1, 1 << 20, 'MB').default(64),
  /** Calls of one lambda that may wait for an instance; one more is answered 429. */
  queue: whole(0, 1_000_000).default(1000),
  body_mb: positive(1024, 'MB').default(8),
  /** `strict` refuses to start where a limit cannot be enforced; `best-effort` says so and runs. */
  enforce: z.enum(['best-effort', 'strict'], '"best-effort" or "strict"').default('best-effort'),
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
    .default(8080),
  worker_url: text('a host name or address to listen on').default('localhost'),
  registry: z
    .string(registryExpectation)
    .refine((value) => /^file:\/\/\/(?!.*%2f)/i.test(value) || !/^[a-z][a-z0-9+.-]*:\/\//i.test(value), registryExpectation)
    .default(''),
  sandbox: z.literal('sock', '"sock" (without the key it is "docker", which this version does not have yet)'),
  log_output: z.union([truth(), text(logExpectation)], logExpectation).default('stdout'),
  worker_dir: text('a directory').default('./worker'),
  server_mode: z.literal('lambda', '"lambda" (this version has no sock mode)').default('lambda'),
  registry_cache_ms: whole(0, day, 'ms').default(5000),
  mem_pool_mb: whole(1, 1 << 24, 'MB').default(() => Math.max(500, Math.floor(os.totalmem() / (1 << 20)) - 500)),
  sock_base_path: z
    .string('"host" or an absolute directory')
    .refine((value) => value === 'host' || path.isAbsolute(value), '"host" or an absolute directory')
    .default('host'),
  network: z.literal('none', '"none" (this version gives sandboxes no network)').default('none'),
  limits: z.strictObject(limits, 'an object').prefault({}),
  /** An idle instance ends after this time. */
  keep_warm_ms: whole(0, day, 'ms').default(60_000),
  /** An idle instance is frozen after this time. */
  freeze_after_ms: whole(0, day, 'ms').default(1000),
  /** Sealed standby children that wait for a lambda. */
  standbys: whole(0, 64).default(2),
  /** Whether callers may choose the start class with X-Force-Start. */
  force_start: truth().default(true),
  /** Instances of one lambda. */
  max_instances: whole(1, 10_000).default(64),
};

/** The whole file: unknown keys are problems, keys of `inert` are known. */
export const file = z.strictObject({ ...active, ...inert }, 'a JSON object');

/** The checked file without its inert keys. */
export const activeOnly = z.object(active);
export type Checked = z.output<typeof activeOnly>;
