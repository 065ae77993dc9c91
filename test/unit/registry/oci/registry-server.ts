// A registry of images that is a real HTTP server, good unless a test makes it otherwise; gone when the test is.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { type Site, site } from '../http/site.ts';
import { type MadeImage, sha256 } from './made-image.ts';

export interface RegistryServer extends Site {
  /** `127.0.0.1:PORT`, with TLS `localhost:PORT` */
  readonly host: string;
  /** `METHOD PATH` of every question so far. */
  readonly questions: string[];
  /** Manifests by `repository:tag` and `repository@digest`, blobs by `repository@digest`. */
  readonly manifests: Map<string, Buffer>;
  readonly blobs: Map<string, Buffer>;
  put(repository: string, tag: string, image: Pick<MadeImage, 'manifest' | 'blobs'>): void;
  /** Answers instead, if it returns true. */
  instead: (request: IncomingMessage, response: ServerResponse, path: string) => boolean;
}

/** Sends so many bytes of it, and ends the connection. */
export function cut(response: ServerResponse, whole: Buffer, bytes: number): void {
  response.writeHead(200, { 'content-length': whole.length }).write(whole.subarray(0, bytes));
  response.socket?.end();
}

export async function registryServer(t: TestContext, tls?: { readonly key: string; readonly cert: string }): Promise<RegistryServer> {
  const manifests = new Map<string, Buffer>();
  const blobs = new Map<string, Buffer>();
  const questions: string[] = [];
  const own: RegistryServer = Object.assign(
    await site(
      t,
      (request, response) => {
        const path = request.url ?? '';
        questions.push(`${request.method} ${path}`);
        if (!own.instead(request, response, path)) answer(request, response);
      },
      tls,
    ),
    { questions, manifests, blobs, instead: () => false, put, host: '' },
  );
  return Object.assign(own, { host: own.url.replace(/^https?:\/\//, '') });

  function put(repository: string, tag: string, { manifest, blobs: parts }: Pick<MadeImage, 'manifest' | 'blobs'>): void {
    manifests.set(`${repository}:${tag}`, manifest);
    manifests.set(`${repository}@${sha256(manifest)}`, manifest);
    for (const [digest, blob] of parts) blobs.set(`${repository}@${digest}`, blob);
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const [, repository = '', kind, reference = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(request.url ?? '') ?? [];
    const found =
      kind === 'blobs'
        ? blobs.get(`${repository}@${reference}`)
        : manifests.get(`${repository}${reference.startsWith('sha256:') ? '@' : ':'}${reference}`);
    if (found === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not here"}]}');
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': found.length - from,
      ...(from > 0 && { 'content-range': `bytes ${from}-${found.length - 1}/${found.length}` }),
      ...(kind === 'manifests' && {
        'docker-content-digest': sha256(found),
        'content-type': String(JSON.parse(found.toString()).mediaType),
      }),
    });
    response.end(request.method === 'HEAD' ? undefined : found.subarray(from));
  }
}
