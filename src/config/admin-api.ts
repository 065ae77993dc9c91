// Who may use the admin API over TCP, as it follows from where the worker listens. Used by load.ts.
import { BlockList, isIP } from 'node:net';
import type { Checked } from './schema.ts';

/**
 * `open`: clients on this machine, and there can be no others. `token`: clients on this machine, and others that send `admin_token`.
 * `off`: nobody, since everybody could come, or since it is switched off.
 */
export type AdminApi = 'open' | 'token' | 'off';

export function adminApi({ worker_url, admin_tcp, admin_token }: Pick<Checked, 'worker_url' | 'admin_tcp' | 'admin_token'>): AdminApi {
  if (!admin_tcp) return 'off';
  if (admin_token !== undefined) return 'token';
  return isLoopback(worker_url) ? 'open' : 'off';
}

/** A warning, where there is something to warn of. */
export function adminApiLines({
  adminApi: api,
  worker_url,
  admin_tcp,
}: {
  adminApi: AdminApi;
  worker_url: string;
  admin_tcp: boolean;
}): string[] {
  return api === 'off' && admin_tcp
    ? [`worker_url: "${worker_url}" is not loopback and there is no admin_token, so the admin API is off (set admin_token to have it)`]
    : [];
}

function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return /^localhost\.?$/i.test(host);
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
