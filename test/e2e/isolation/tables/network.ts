// The network: a sandbox has a loopback of its own and reaches nobody, by no family of sockets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Worker } from '../../worker.ts';
import { type Attempt, fails, gives, type Outcome, refused, type Table, works, worksIfThere } from '../attempts.ts';

const some = ({ value }: Outcome): void => assert.ok((value as string[]).length > 0);
const ifThere = 'such a service may not run here; path_socket is the same with one that does';

const attempts: Attempt[] = [
  { attack: 'reach_loopback', what: "reach the host's loopback", inside: gives([]), control: some },
  { attack: 'reach_addresses', what: "reach the host's addresses", inside: gives([]), control: works },
  { attack: 'reach_any_address', what: 'reach the host by 0.0.0.0 or another loopback address', inside: gives([]), control: works },
  { attack: 'reach_worker', what: 'reach the worker', inside: gives([]), control: some },
  ...refused('ENETUNREACH', { send_datagram: 'send a datagram' }, 'where the host has no network there is no way either'),
  ...refused('ECONNREFUSED', { abstract_socket: 'connect to an abstract socket of the host' }),
  ...refused('ENOENT', { path_socket: 'connect to a socket of the host by its path' }),
  ...refused(
    'ENOENT',
    { service_socket_docker: 'connect to docker', service_socket_dbus: 'connect to the bus', service_socket_systemd: 'connect to systemd' },
    ifThere,
  ),
  { attack: 'see_sockets', what: "see the host's sockets", inside: gives(false), control: gives(true) },
  { attack: 'interfaces', what: 'see an interface but its loopback', inside: gives(['lo']), control: works },
  { attack: 'routes', what: 'see a route', inside: gives(0), control: works },
];

/** What root may do to a network of its own, and a lambda may not. */
const own: Attempt[] = [
  ...refused('EPERM', {
    give_address: 'give its loopback an address',
    raise_mark: 'mark packets',
    be_transparent: 'be a transparent proxy',
  }),
  ...refused('EPERM', { make_interface: 'make an interface' }, worksIfThere),
  ...refused('EPERM', { forge_credentials: 'pass as root on a socket' }),
  ...refused('EPERM ENODEV', { bind_to_device: 'bind to a device' }, (o) => (o.errno === undefined ? works(o) : fails('ENODEV')(o))),
];

export const network: Table = { group: 'network', attempts, given: listeners, under: [] };
export const ownNetwork: Table = { group: 'network', attempts: own };

async function listeners(worker: Worker): Promise<Record<string, unknown>> {
  const [tcp, abstract, path] = [createServer(), createServer(), createServer()];
  for (const server of [tcp, abstract, path]) {
    server.on('connection', (socket) => socket.destroy());
    after(() => server.close());
  }
  const [name, file] = [`sock-attack-${worker.pid}`, join(worker.dir, 'socket')];
  tcp.listen(0, '::');
  abstract.listen(`\0${name}`);
  path.listen(file);
  await Promise.all([tcp, abstract, path].map((server) => once(server, 'listening')));
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter((a) => a.scopeid === undefined || a.scopeid === 0),
  );
  return {
    port: (tcp.address() as AddressInfo).port,
    worker: worker.port,
    addresses: [...addresses.map((a) => a.address), '::1'],
    abstract: name,
    path: file,
  };
}
