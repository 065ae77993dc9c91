// The line to one container: a unix socket in a directory that it sees, to which its first process connects, once. (A path works where no network
// does: the container has none.)
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** sockaddr_un has room for so many bytes, and a NUL. */
const longestPath = 107;

export interface Line {
  /** Never rejects; stays as it is when nobody connects. */
  readonly connected: Promise<Socket>;
  /** Listens no more; what is connected stays so. */
  close(): void;
}

export function fits(path: string): boolean {
  return Buffer.byteLength(path) <= longestPath;
}

/** Whoever sees the directory may connect: that is for its owner to limit. */
export async function listen(path: string): Promise<Line> {
  const server = createServer();
  const connected = new Promise<Socket>((resolve) => {
    server.once('connection', (socket) => {
      server.close();
      resolve(socket);
    });
  });
  server.listen({ path, backlog: 1, readableAll: true, writableAll: true });
  await once(server, 'listening');
  return { connected, close: () => void server.close() };
}
