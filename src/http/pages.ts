// A page of a lambda has the origin of the worker, and so of the admin API: a browser on the worker's machine is to give its scripts neither. With an
// origin of nothing (`null`), what they ask of the worker counts as asked by another site.
import type { Headers } from './head.ts';

/** Sandboxed documents run scripts, send forms and open windows, which are sandboxed likewise. */
export const sandboxedPage: Headers[number] = [
  'content-security-policy',
  'sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts',
];

/** What no browser makes a document with scripts of, whatever the bytes. */
const inert =
  /^(application\/(json|octet-stream|x-ndjson|gzip|zip)|text\/(plain|event-stream|css|csv|javascript)|image\/(avif|gif|jpeg|png|webp)|(audio|video|font)\/[a-z0-9.+-]+)[ \t]*(;[^,]*)?$/i;

/** Whether a reply with these values of content-type may become a page: without one, or with several, browsers guess. */
export function mayBePage(types: readonly string[]): boolean {
  const [type] = types;
  if (type === 'application/json' && types.length === 1) return false;
  return type === undefined || types.length > 1 || !inert.test(type);
}
