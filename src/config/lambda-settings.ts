// What a lambda's ol.yaml asks for, checked and filled up with what the worker gives. Used by whoever runs lambdas. The text comes with the code, so it
// is hostile; and the problems are shown to callers, so they tell no value that could be a secret, and nothing of the host.
import { type Entry, type Environment, entryOf, environmentProblems } from './lambda-environment.ts';
import { type LambdaFile, lambdaFile } from './lambda-schema.ts';
import { readYaml, YamlProblems, type YamlText } from './lambda-yaml.ts';
import type { Config } from './load.ts';
import { type Path, problemLine, shown } from './problem-line.ts';
import { problemLines } from './problems.ts';

/** What lambdas have that ask for nothing; a Config is one. Of `limits` and `max_instances` a lambda can have at most as much. */
export type WorkerDefaults = Pick<Config, 'limits' | 'max_instances' | 'keep_warm_ms' | 'freeze_after_ms'>;

export type LambdaLimits = Omit<WorkerDefaults['limits'], 'enforce' | 'header_kb'>;

export interface LambdaSettings {
  /** The HTTP methods that may be used, upper case, in the order of the file; undefined when any may. */
  readonly methods: readonly string[] | undefined;
  readonly environment: Environment;
  readonly entry: Entry;
  /** Whether a sandbox serves more than one call. */
  readonly reuse: boolean;
  readonly limits: LambdaLimits;
  readonly instances: { readonly min: number; readonly max: number };
  /** Calls that one instance serves at a time. */
  readonly concurrency: number;
  readonly keepWarmMs: number;
  readonly freezeAfterMs: number;
  /** Whether the lambda may be imported once and forked. */
  readonly zygote: boolean;
  /** What the file asks for and does not get, one line each. */
  readonly warnings: readonly string[];
}

/** An ol.yaml that cannot be used. `problems` is one line each, fit for callers. */
export class SettingsError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options);
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

/** The settings of a lambda whose ol.yaml has the text `yaml`; those of a lambda without one for ''. Throws SettingsError. */
export function parseLambdaSettings(yaml: string, worker: WorkerDefaults): LambdaSettings {
  const text = read(yaml);
  const checked = lambdaFile.safeParse(text.value);
  if (!checked.success) throw refusal(problemLines(checked.error, { value: text.value, schema: lambdaFile, got }));
  const file = checked.data ?? {};
  const environment = text.written('environment');
  const settings = filled(file, environment, worker);
  const problems = [...environmentProblems(environment), ...beyond(file, settings, worker)];
  if (problems.length > 0) throw refusal(problems);
  return settings;
}

const maxProblems = 20;
const limitKeys = ['procs', 'mem_mb', 'cpu_percent', 'swappiness', 'runtime_sec', 'tmp_mb', 'queue', 'body_mb'] as const;

function read(yaml: string): YamlText {
  try {
    return readYaml(yaml);
  } catch (cause) {
    if (cause instanceof YamlProblems)
      throw new SettingsError(
        cause.problems.map((problem) => `ol.yaml: ${problem}`),
        { cause },
      );
    throw cause;
  }
}

function refusal(problems: readonly string[]): SettingsError {
  const more = problems.length - maxProblems;
  const told = more > 0 ? [...problems.slice(0, maxProblems), `and ${more} more`] : problems;
  return new SettingsError(told.map((problem) => `ol.yaml: ${problem}`));
}

// Lists and mappings may be circles; the value of an unknown key may be a misplaced secret.
function got(value: unknown, _at: Path, known: boolean): string | undefined {
  if (!known) return undefined;
  if (typeof value !== 'object' || value === null) return shown(value);
  return Array.isArray(value) ? 'a list' : 'a mapping';
}

function filled(file: LambdaFile, entries: ReturnType<YamlText['written']>, worker: WorkerDefaults): LambdaSettings {
  const environment = entries.map(([name, value = '']) => [name, value] as const);
  const limits = Object.fromEntries(limitKeys.map((key) => [key, file.limits?.[key] ?? worker.limits[key]])) as unknown as LambdaLimits;
  return {
    methods: methods(file.triggers?.http),
    environment,
    entry: entryOf(environment),
    reuse: file['reuse-sandbox'] ?? true,
    limits,
    instances: { min: file.instances?.min ?? 0, max: file.instances?.max ?? worker.max_instances },
    concurrency: file.concurrency ?? 1,
    keepWarmMs: file.keep_warm_ms ?? worker.keep_warm_ms,
    freezeAfterMs: file.freeze_after_ms ?? worker.freeze_after_ms,
    zygote: file.zygote ?? true,
    warnings: (['cron', 'kafka'] as const)
      .filter((trigger) => (file.triggers?.[trigger]?.length ?? 0) > 0)
      .map((trigger) => `ol.yaml: triggers.${trigger}: has no effect, this version calls lambdas by HTTP only`),
  };
}

/** No list allows every method; an empty one allows none, as in OpenLambda. */
function methods(http: NonNullable<LambdaFile['triggers']>['http']): readonly string[] | undefined {
  const named = http?.flatMap(({ method }) => method ?? '*').map((method) => method.toUpperCase());
  return named === undefined || named.includes('*') ? undefined : [...new Set(named)];
}

/** What is in its form, but more than the worker gives, or does not go together. */
function beyond(file: LambdaFile, { instances, reuse, concurrency }: LambdaSettings, worker: WorkerDefaults): string[] {
  const tooMuch = (at: Path, asked: number | null | undefined, most: number): string[] =>
    typeof asked === 'number' && asked > most ? [problemLine(at, `at most ${most}, which this worker gives`, String(asked))] : [];
  return [
    ...limitKeys.flatMap((key) => tooMuch(['limits', key], file.limits?.[key], worker.limits[key])),
    ...tooMuch(['instances', 'max'], file.instances?.max, worker.max_instances),
    ...(instances.min > instances.max
      ? [problemLine(['instances', 'min'], `at most instances.max (${instances.max})`, String(instances.min))]
      : []),
    ...(concurrency > 1 && !reuse ? [problemLine(['concurrency'], '1 with reuse-sandbox: false', String(concurrency))] : []),
  ];
}
