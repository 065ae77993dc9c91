// Where to listen, and why it failed. The engine only says that it did.
import { createServer, SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';

const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken; end the server that holds it or choose another worker_port',
  EACCES: 'not permitted; choose a worker_port above 1023 or run as root',
  EADDRNOTAVAIL: 'this machine has no such address; correct worker_url',
  ENOTFOUND: 'the name cannot be resolved; correct worker_url',
};

/** The addresses that a host name stands for: `localhost` is both loopbacks, where the machine has both. */
export function addresses(host: string): readonly [first: string, ...more: string[]] {
  if (host !== 'localhost') return [host];
  const v6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
  return v6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
}

/** The error for an address that could not be listened on. Tries once more with node:net, which tells the reason. */
export function listenError(host: string, port: number): Promise<Error> {
  return new Promise((resolve) => {
    const told = (cause: NodeJS.ErrnoException | undefined) => {
      const code = cause?.code ?? 'no reason given';
      resolve(new Error(`listen on ${host}:${port}: ${remedies[code] ?? code}`, { cause }));
    };
    const probe = createServer();
    probe.once('error', told);
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => told(undefined)));
  });
}

/** An address as one writes it, however the engine does: an IPv4 one in IPv6's clothes (::ffff:a.b.c.d) as IPv4, `0000:…:0001` as `::1`. */
export function shortAddress(address: string): string {
  if (!address.includes(':')) return address;
  const short = new SocketAddress({ address, family: 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(short)?.[1] ?? short;
}
