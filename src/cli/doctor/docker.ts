// The Docker engine: needed where sandboxes are its containers.
import type { Config } from '../../config/load.ts';
import { type Finding, missing, ok } from './finding.ts';
import type { Host } from './host.ts';

/** Asks who listens on a socket; prints the version, or why there is none. */
const probe = `
const asked = require('node:http').get({ socketPath: process.argv[1], path: '/version', timeout: 5000 }, (reply) => {
  let text = '';
  reply.on('data', (part) => (text += part)).on('end', () => console.log(JSON.parse(text).Version));
});
asked.on('timeout', () => asked.destroy(new Error('no answer within 5 s')));
asked.on('error', (error) => { console.log(error.code || error.message); process.exitCode = 1; });
`;

export function dockerChecks(host: Host, { sandbox, docker }: Pick<Config, 'sandbox' | 'docker'>): Finding[] {
  const { status, stdout } = host.run([process.execPath, '-e', probe, docker.socket]);
  const said = stdout.trim();
  if (status === 0) return [ok('docker', `engine ${said} at ${docker.socket}`)];
  if (sandbox === 'sock') return [ok('docker', `no engine at ${docker.socket} (not needed)`)];
  const mend =
    said === 'EACCES'
      ? 'run the worker as root, or as a member of the group docker'
      : 'start dockerd (systemctl start docker), or name its socket in docker.socket; or set "sandbox": "sock", which needs no engine';
  return [missing('docker', `no engine at ${docker.socket}: ${said}`, mend)];
}
