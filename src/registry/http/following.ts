// One question to a remote registry, through the redirects that it answers with. What proves who asks goes to the registry's own origin only.
import type { Client, Headers, Reply } from './client.ts';
import { Failed, shownUrl } from './failed.ts';
import type { Remote } from './remote.ts';

export interface Question {
  readonly url: URL;
  readonly headers: Headers;
  readonly signal: AbortSignal;
}

const mostRedirects = 5;

/** The first answer that is no redirect. Rejects with Failed. */
export async function follow(client: Client, remote: Remote, { url, headers, signal }: Question): Promise<Reply> {
  let at = url;
  let home = true;
  for (let redirects = 0; ; redirects += 1) {
    home &&= at.origin === remote.base.origin; // once it has led away, it is not the registry who says where to go
    const reply = await client.get(at, home ? { ...headers, ...(await remote.authorize(at)) } : headers, signal);
    if (![301, 302, 303, 307, 308].includes(reply.status)) return reply;
    reply.drop();
    if (redirects === mostRedirects) throw new Failed(url, `it redirects more than ${mostRedirects} times`);
    at = target(at, reply);
  }
}

function target(from: URL, reply: Reply): URL {
  const location = reply.header('location');
  const region = reply.header('x-amz-bucket-region');
  if (location === undefined && region !== undefined) {
    throw new Failed(from, `the bucket is in another region (set AWS_REGION=${region} in the worker's environment)`);
  }
  if (location === undefined || !URL.canParse(location, from.href)) throw new Failed(from, 'it redirects to what is no URL');
  const to = new URL(location, from);
  if (to.protocol !== 'https:' && to.protocol !== 'http:')
    throw new Failed(from, `it redirects to what is no web address (${to.protocol})`);
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw new Failed(from, 'it redirects from https to http, where nothing tells whose code that is', {
      cause: new Error(`it redirects to ${shownUrl(to)}`),
    });
  }
  [to.username, to.password] = ['', ''];
  return to;
}
