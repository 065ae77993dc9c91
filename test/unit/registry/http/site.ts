// Web servers for tests of registries, good ones and others; gone when the test is.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface Site {
  /** Without a "/" at its end. */
  readonly url: string;
  /** Every question so far. */
  readonly asked: { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  /** Who answers from now on. */
  answer: RequestListener;
  close(): Promise<void>;
}

export async function site(t: TestContext, answer: RequestListener, tls?: { key: string; cert: string }): Promise<Site> {
  const listener: RequestListener = (request, response) => {
    own.asked.push({ path: request.url ?? '', headers: request.headers });
    response.on('error', () => {}); // whoever asks may be gone
    own.answer(request, response);
  };
  const server: Server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  server.listen(0, tls === undefined ? '127.0.0.1' : 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  t.after(close);
  const own = { url: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`, asked: [], answer, close } as Site;
  return own;
}

export type Files = Record<string, string | Uint8Array>;

export interface ServingOptions {
  /** What tells versions apart. */
  readonly by?: 'etag' | 'last-modified' | 'nothing';
  /** Of Last-Modified, in milliseconds since 1970. */
  readonly modified?: () => number;
}

/** Serves `files` by their paths as a good server does, whatever they hold at the time. */
export function serving(files: Files, { by = 'etag', modified = () => 0 }: ServingOptions = {}): RequestListener {
  return ({ url = '', headers }, response) => {
    const content = files[url];
    if (content === undefined) {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<html>no such page</html>');
      return;
    }
    const etag = `"${createHash('sha256').update(content).digest('hex')}"`;
    const lastModified = new Date(modified()).toUTCString();
    const validator = by === 'etag' ? { etag } : by === 'last-modified' ? { 'last-modified': lastModified } : {};
    const fresh =
      by === 'etag' ? headers['if-none-match'] === etag : by === 'last-modified' && headers['if-modified-since'] === lastModified;
    if (fresh) response.writeHead(304, validator).end();
    else response.writeHead(200, { ...validator, 'content-length': Buffer.byteLength(content) }).end(content);
  };
}
