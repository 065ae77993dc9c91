// Where the log goes: that the file can be opened, or made.
import path from 'node:path';
import { type Finding, missing, ok } from './finding.ts';
import type { Host } from './host.ts';
import { nearestExisting } from './storage.ts';

/** `output`: `stdout` or an absolute file. */
export function logChecks(host: Host, output: string): Finding[] {
  const code = output === 'stdout' ? undefined : problem(host, output);
  if (code === undefined) return [ok('log_output', output)];
  return [
    missing(
      'log_output',
      `${output}: cannot be opened: ${code}`,
      'set log_output of the config to "stdout", or to a file that can be written',
    ),
  ];
}

function problem(host: Host, file: string): string | undefined {
  if (host.exists(file)) return host.tryAppend(file);
  const tried = host.tryDirectory(nearestExisting(host, path.dirname(file)));
  return 'code' in tried ? tried.code : undefined;
}
