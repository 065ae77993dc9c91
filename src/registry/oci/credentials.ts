// Who this node is to a registry: what the config says, else what `docker login` has left. Read when it is needed, so that a new login counts at once.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Credentials as Configured, RegistryAuth } from '../http/remote.ts';
import { ImageError } from './image-error.ts';
import { apiHost } from './reference.ts';

/** `token` is shown to the registry itself, `identityToken` to its token server. */
export type Credentials = Configured | { readonly identityToken: string };

export interface CredentialOptions {
  readonly registryAuth: RegistryAuth;
  /** Docker's config.json; what is not there says nothing. */
  readonly dockerConfig: string;
}

export function defaultDockerConfig(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
}

/** Undefined for nobody in particular. Throws ImageError `unavailable` when Docker's file cannot be used. */
export function credentialsFor(host: string, { registryAuth, dockerConfig }: CredentialOptions): Credentials | undefined {
  return at(host, registryAuth) ?? at(host.replace(/:\d+$/, ''), registryAuth) ?? loggedIn(at(host, authsOf(dockerConfig)), dockerConfig);
}

/** Hosts are also written as URLs (`https://index.docker.io/v1/` by docker itself). */
function at<T>(host: string, by: Readonly<Record<string, T>>): T | undefined {
  const same = (key: string) =>
    apiHost(
      key
        .replace(/^https?:\/\//, '')
        .replace(/\/.*$/, '')
        .toLowerCase(),
    ) === apiHost(host);
  return Object.hasOwn(by, host) ? by[host] : Object.entries(by).find(([key]) => same(key))?.[1];
}

function authsOf(path: string): Readonly<Record<string, unknown>> {
  try {
    const file: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const auths = isObject(file) ? file.auths : undefined;
    return isObject(auths) ? auths : {};
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw unusable(path, 'it cannot be read, or is no JSON', cause);
  }
}

function loggedIn(entry: unknown, path: string): Credentials | undefined {
  if (!isObject(entry)) return undefined;
  const { auth, username, password, identitytoken, registrytoken } = entry;
  if (typeof identitytoken === 'string' && identitytoken !== '') return { identityToken: identitytoken };
  if (typeof registrytoken === 'string' && registrytoken !== '') return { token: registrytoken };
  if (typeof username === 'string' && typeof password === 'string' && username !== '') return { username, password };
  if (typeof auth !== 'string' || auth === '') return undefined; // a credential helper has them
  const pair = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = pair.indexOf(':');
  if (colon < 1) throw unusable(path, '"auth" is not the base64 of name:password');
  return { username: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unusable(path: string, why: string, cause?: unknown): ImageError {
  return new ImageError('unavailable', `read the logins in "${path}": ${why}`, cause);
}
