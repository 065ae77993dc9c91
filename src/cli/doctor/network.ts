// The address that the worker is to listen on.
import { type Finding, missing, ok } from './finding.ts';
import type { Host } from './host.ts';

export async function networkChecks(host: Host, address: { name: string; port: number }): Promise<Finding[]> {
  const shown = `${address.name}:${address.port}`;
  const code = await host.tryPort(address.name, address.port);
  if (code === undefined) return [ok('port', `${shown} is free`)];
  if (code === 'EADDRINUSE') {
    return [missing('port', `${shown} is taken`, `stop what listens there (ss -ltnp "sport = :${address.port}"), or change worker_port`)];
  }
  return [missing('port', `cannot listen on ${shown}: ${code}`, 'set worker_url to a name or address of this machine')];
}
