// What a lambda's own settings say of a call before anything is done for it.
import { WorkerError } from '../errors.ts';
import type { RequestBody } from '../sandbox/sandbox.ts';
import type { Call } from './call.ts';
import type { Deployment } from './deployment.ts';

/** Why the lambda does not take the call, as far as that can be told from its head and what is there of its body. */
export function refusal(call: Call, { settings: { methods }, bodyLimit }: Deployment): WorkerError | undefined {
  if (methods !== undefined && !allows(methods, call.head.method)) {
    return new WorkerError('method-not-allowed', { methods: { sent: call.head.method, allowed: methods } });
  }
  if (bodyLimit !== undefined && knownLength(call) > bodyLimit) return bodyTooLarge(bodyLimit);
  return undefined;
}

/** The body, of which no more than `limit` bytes are passed on; `over` is called once when there are more. */
export function bounded(body: RequestBody, limit: number | undefined, over: (error: WorkerError) => void): RequestBody {
  const { first, rest } = body;
  if (rest === undefined || limit === undefined) return body;
  let left = limit - first.length;
  const read: typeof rest.read = (chunk) =>
    rest.read((bytes, last) => {
      if (left < 0) return;
      left -= bytes.length;
      if (left < 0) over(bodyTooLarge(limit));
      else chunk(bytes, last);
    });
  return { first, rest: { read, pause: () => rest.pause(), resume: () => rest.resume() } };
}

/** What answers GET answers HEAD; the front end leaves the body away. */
function allows(methods: readonly string[], method: string): boolean {
  return methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));
}

function knownLength({ head, body }: Call): number {
  if (body.rest === undefined) return body.first.length;
  const told = head.headers.find(([name]) => name === 'content-length')?.[1];
  return told === undefined ? body.first.length : Math.max(body.first.length, Number(told));
}

function bodyTooLarge(limit: number): WorkerError {
  return new WorkerError('body-too-large', { detail: `this lambda takes at most ${limit} bytes` });
}
