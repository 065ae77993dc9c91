// A request's body as a stream, for whoever writes it somewhere.
import { Readable } from 'node:stream';
import { WorkerError } from '../../errors.ts';
import type { BodyRest, RequestBody } from '../../sandbox/sandbox.ts';
import type { Exchange } from '../engine.ts';

/** Must be called before the handler of the exchange returns. */
export function incoming(exchange: Pick<Exchange, 'readBody'>, limit: number, gone: AbortSignal): Readable {
  let rest: BodyRest | undefined;
  const stream = new Readable({ read: () => rest?.resume() });
  stream.on('error', () => {}); // told to whoever reads it, now or later; nobody may be reading yet
  const begin = (body: RequestBody): void => {
    rest = body.rest;
    stream.push(body.first.length > 0 ? body.first : null);
    if (rest === undefined) {
      if (body.first.length > 0) stream.push(null);
      return;
    }
    rest.read((bytes, last) => {
      if (stream.destroyed) return;
      if (bytes.length > 0 && !stream.push(bytes)) rest?.pause();
      if (last) stream.push(null);
    });
  };
  exchange.readBody({ limit, enough: 1, begin, refused: (why) => stream.destroy(why) });
  gone.addEventListener('abort', () => stream.destroy(new WorkerError('client-gone')), { once: true });
  return stream;
}
