// `worker doctor`: looks at this machine and says what works for the worker, what does not, and how to mend it. Changes nothing.
import { existsSync } from 'node:fs';
import { type Config, ConfigError, loadConfig, parseConfig } from '../config/load.ts';
import { inColour } from './colour.ts';
import { cgroupChecks } from './doctor/cgroups.ts';
import { dockerChecks } from './doctor/docker.ts';
import { type Finding, missing, ok } from './doctor/finding.ts';
import { type Host, thisHost } from './doctor/host.ts';
import { kernelChecks } from './doctor/kernel.ts';
import { logChecks } from './doctor/log.ts';
import { memoryChecks } from './doctor/memory.ts';
import { networkChecks } from './doctor/network.ts';
import { nodeChecks } from './doctor/node.ts';
import { programChecks } from './doctor/programs.ts';
import { sandboxChecks } from './doctor/sandbox.ts';
import { storageChecks } from './doctor/storage.ts';
import { table } from './doctor/table.ts';

export interface DoctorOptions {
  /** Absent: `config.json` where there is one, else the defaults. */
  readonly configFile: string | undefined;
  readonly format: 'table' | 'json';
}

/** The exit code: 1 when something needed is missing. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const { config, finding } = configOf(options.configFile);
  const findings = [finding, ...(await examine(thisHost(), config))];
  const text = options.format === 'json' ? `${JSON.stringify(findings, undefined, 2)}\n` : table(findings, inColour() ? 'colour' : 'plain');
  process.stdout.write(text);
  return findings.some(({ state }) => state === 'missing') ? 1 : 0;
}

/** Everything there is to find, in the order in which it is told. */
export async function examine(host: Host, config: Config): Promise<Finding[]> {
  return [
    // What an engine makes containers with is its own affair.
    ...(config.sandbox === 'sock' ? [...kernelChecks(host), ...cgroupChecks(host, config.limits.enforce), ...sandboxChecks(host)] : []),
    ...programChecks(host),
    ...dockerChecks(host, config),
    ...nodeChecks(host),
    ...memoryChecks(host, config.limits.mem_mb),
    ...storageChecks(host, config),
    ...logChecks(host, config.log_output),
    ...(await networkChecks(host, { name: config.worker_url, port: config.worker_port })),
  ];
}

function configOf(configFile: string | undefined): { config: Config; finding: Finding } {
  const defaults = parseConfig({ sandbox: 'sock' });
  const from = configFile ?? (existsSync('config.json') ? 'config.json' : undefined);
  if (from === undefined) return { config: defaults, finding: ok('config', 'no config.json here; checking for the defaults') };
  try {
    return { config: loadConfig(from), finding: ok('config', from) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return {
      config: defaults,
      finding: missing('config', error.problems.join('; '), `correct ${from}; the rest is checked for the defaults`),
    };
  }
}
