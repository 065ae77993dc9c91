// ol.yaml as a schema: every key and what it may be. lambda-settings.ts reads with it and fills in what is absent; null is absent, as in OpenLambda.
import { z } from 'zod';
import { day, sandboxLimits, text, whole } from './values.ts';

const methods = 'an HTTP method ("GET"), a list of them, or "*"';
const word = /^(\*|[A-Za-z][A-Za-z0-9-]{0,31})$/;
const isMethod = (given: unknown) => typeof given === 'string' && word.test(given);
const method = z.custom<string | readonly string[]>(
  (given) => isMethod(given) || (Array.isArray(given) && given.length > 0 && given.every(isMethod)),
  methods,
);
const schedule = 'a cron schedule of five fields ("*/5 * * * *") or a name like "@hourly"';
const cron = /^((CRON_)?TZ=\S+ +)?(@\w+( +[\w.]+)?|([\w*/,?-]+\s+){4}[\w*/,?-]+)$/;
const words = 'a list of one or more strings';
const enabled = 'true or false';

/** OpenLambda's reader (yaml.v3) takes these words for booleans where one is expected, quoted or not; to YAML 1.2 they are strings. */
const flag = z.union(
  [
    z.boolean(),
    z
      .string()
      .regex(/^(y|yes|on|n|no|off)$/i)
      .transform((word) => /^(y|on)/i.test(word)),
  ],
  enabled,
);

const triggers = {
  http: z.array(z.strictObject({ method: method.nullish() }, 'a mapping'), 'a list').nullish(),
  cron: z.array(z.strictObject({ schedule: z.string(schedule).regex(cron, schedule) }, 'a mapping'), 'a list').nullish(),
  kafka: z
    .array(
      z.strictObject(
        {
          bootstrap_servers: z.array(text('a string'), words).min(1, words),
          topics: z.array(text('a string'), words).min(1, words),
          group_id: text('a string').nullish(),
          auto_offset_reset: z.enum(['earliest', 'latest'], '"earliest" or "latest"').nullish(),
        },
        'a mapping',
      ),
      'a list',
    )
    .nullish(),
};

/** 0 asks for the worker's, as in OpenLambda. (For `swappiness` and `queue` it is a value of its own, and the least one.) */
const limits = {
  procs: orZero(sandboxLimits.procs),
  mem_mb: orZero(sandboxLimits.mem_mb),
  cpu_percent: orZero(sandboxLimits.cpu_percent),
  swappiness: sandboxLimits.swappiness.nullish(),
  runtime_sec: orZero(sandboxLimits.runtime_sec),
  tmp_mb: orZero(sandboxLimits.tmp_mb),
  queue: sandboxLimits.queue.nullish(),
  body_mb: orZero(sandboxLimits.body_mb),
};

export const lambdaFile = z
  .strictObject(
    {
      triggers: z.strictObject(triggers, 'a mapping').nullish(),
      /** Only its type is checked here: lambda-environment.ts reads it as it is written. */
      environment: z.custom((value) => typeof value === 'object' && !Array.isArray(value), 'a mapping of names to strings').nullish(),
      'reuse-sandbox': flag.nullish(),
      limits: z.strictObject(limits, 'a mapping').nullish(),
      network: z.literal('none', '"none" (this version gives sandboxes no network)').nullish(),
      instances: z.strictObject({ min: whole(0, 10_000).nullish(), max: whole(1, 10_000).nullish() }, 'a mapping').nullish(),
      concurrency: whole(1, 1000).nullish(),
      keep_warm_ms: whole(0, day, 'ms').nullish(),
      freeze_after_ms: whole(0, day, 'ms').nullish(),
      zygote: flag.nullish(),
    },
    'a mapping',
  )
  .nullish();

export type LambdaFile = NonNullable<z.output<typeof lambdaFile>>;

function orZero(limit: z.ZodNumber | z.ZodInt) {
  return z.preprocess((given) => (given === 0 ? undefined : given), limit.nullish());
}
