// What an image is called: `[host[:port]/]repository[:tag][@digest]`, by the grammar of the distribution API.
import { type Digest, isDigest } from './digest.ts';
import { ImageError, quoted } from './image-error.ts';

export interface Reference {
  /** With its port, if it has one. */
  readonly host: string;
  readonly repository: string;
  /** What is looked up: a digest wins over a tag. */
  readonly wanted: { readonly tag: string } | { readonly digest: Digest };
}

const hub = 'docker.io';
const hostPattern = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;
const componentPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const longestRepository = 255;

/** Without a host it is docker.io, without a tag `latest`. Throws ImageError `invalid`. */
export function parseReference(text: string): Reference {
  const wrong = (why: string) =>
    new ImageError('invalid', `read the image name ${quoted(text)}: ${why} (like registry.example.org/team/app:1.2)`);
  const [name = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !isDigest(digest))) throw wrong('after "@" comes sha256: and 64 hex digits');
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(0, slash));
  const hasHost = /[.:]|^localhost$/i.test(first);
  const host = hasHost ? first.toLowerCase() : hub;
  const [path = '', tag, ...rest] = (hasHost ? name.slice(slash + 1) : name).split(':');
  const repository = host === hub && !path.includes('/') ? `library/${path}` : path;
  if (!hostPattern.test(host)) throw wrong(`${quoted(host)} is no host`);
  if (!isRepository(repository))
    throw wrong(`${quoted(path)} is no repository: lower-case letters and digits, with ".", "_", "-" and "/" between them`);
  if (rest.length > 0 || (tag !== undefined && !tagPattern.test(tag))) throw wrong('a tag has up to 128 letters, digits, ".", "_", "-"');
  return { host, repository, wanted: digest === undefined ? { tag: tag ?? 'latest' } : { digest } };
}

export function isRepository(text: string): boolean {
  return text.length <= longestRepository && text.split('/').every((component) => componentPattern.test(component));
}

export function isHost(text: string): boolean {
  return hostPattern.test(text);
}

/** In full, so that it means the same everywhere. */
export function referenceText({ host, repository, wanted }: Reference): string {
  return `${host}/${repository}${'tag' in wanted ? `:${wanted.tag}` : `@${wanted.digest}`}`;
}

/** Where the API of a registry is: Docker Hub's is not at its name. */
export function apiHost(host: string): string {
  return host === hub || host === 'index.docker.io' ? 'registry-1.docker.io' : host;
}
