// A registry that is spoken to over HTTP: where packages are, and what proves to it who asks.
import type { Headers } from './client.ts';

export interface Remote {
  /** Ends in "/", has no credentials, query or fragment. */
  readonly base: URL;
  /** What goes with a question; asked for URLs of the base's origin only. */
  authorize(url: URL): Headers | Promise<Headers>;
  /** What to do when it lets nobody in, for people. */
  readonly advice: string;
}

/** The config key `registry_auth`: by `host:port`, or by `host` for all ports. */
export type RegistryAuth = Readonly<Record<string, Credentials>>;
export type Credentials = { readonly username: string; readonly password: string } | { readonly token: string };

/** `location`: a checked http:// or https:// URL. Credentials in it win over those of `auth`. */
export function httpRemote(location: string, auth: RegistryAuth = {}): Remote {
  const { origin, host, hostname, pathname, username, password } = new URL(location);
  const given = username === '' && password === '' ? (auth[host] ?? auth[hostname]) : decoded(username, password);
  const headers: Headers = given === undefined ? {} : { authorization: authorization(given) };
  return {
    base: new URL(origin + (pathname.endsWith('/') ? pathname : `${pathname}/`)),
    authorize: () => headers,
    advice: `${given === undefined ? 'give credentials for' : 'check the credentials of'} its host in the config key registry_auth`,
  };
}

function decoded(username: string, password: string): Credentials {
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** As it stands in the header. */
export function authorization(given: Credentials): string {
  if ('token' in given) return `Bearer ${given.token}`;
  return `Basic ${Buffer.from(`${given.username}:${given.password}`).toString('base64')}`;
}
