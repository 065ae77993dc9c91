// A lambda's ol.yaml as the JSON that OpenLambda makes of it: `common.LambdaConfig` in its source, whose fields have Go's names where no other is given.
import { lambdaFile } from '../../config/lambda-schema.ts';
import { readYaml, YamlProblems, type YamlText } from '../../config/lambda-yaml.ts';
import { WorkerError } from '../../errors.ts';

/** Keys that OpenLambda does not have come behind its own, as they are in the file. `yaml`: '' for a lambda without one. Throws code-invalid. */
export function openLambdaConfig(yaml: string): Readonly<Record<string, unknown>> {
  const text = read(yaml);
  const checked = lambdaFile.safeParse(text.value);
  if (!checked.success) throw new WorkerError('code-invalid', { detail: 'ol.yaml: it cannot be used; a call of the lambda tells why' });
  const { triggers, environment: _, 'reuse-sandbox': reuse, ...more } = checked.data ?? {};
  const methods = triggers?.http?.flatMap(({ method }) => method ?? '*') ?? ['*'];
  return {
    Triggers: {
      HTTP: methods.map((method) => ({ Method: method })),
      Cron: triggers?.cron?.map(({ schedule }) => ({ Schedule: schedule })) ?? null,
      Kafka: triggers?.kafka?.map((kafka) => ({ ...kafka, auto_offset_reset: kafka.auto_offset_reset ?? '' })) ?? null,
    },
    Environment: Object.fromEntries(text.written('environment')),
    ReuseSandbox: reuse ?? true,
    ...more,
  };
}

function read(yaml: string): YamlText {
  try {
    return readYaml(yaml);
  } catch (cause) {
    if (!(cause instanceof YamlProblems)) throw cause;
    throw new WorkerError('code-invalid', { detail: `ol.yaml: ${cause.problems.join('; ')}`, cause });
  }
}
