// Opens the registry that the config key `registry` names. Used by main.ts and by commands.
import { readFileSync } from 'node:fs';
import { HttpRegistry } from './http/http-registry.ts';
import { httpRemote, type RegistryAuth, type Remote } from './http/remote.ts';
import { s3Remote } from './http/s3.ts';
import { DirectoryRegistry } from './registry.ts';
import type { CodeRegistry } from './source-of-code.ts';
import type { Store } from './store.ts';
import type { UnpackPool } from './unpack-pool.ts';

/** The keys of the config, checked: `registry` is an absolute directory or a URL. */
export interface RegistryConfig {
  readonly registry: string;
  readonly registry_auth?: RegistryAuth | undefined;
  readonly registry_ca?: string | undefined;
  readonly registry_cache_ms: number;
}

export interface OpenRegistryOptions {
  readonly store: Store;
  readonly pool: UnpackPool;
  /** For how long whoever has code waits for a registry that is elsewhere, in milliseconds; Infinity: for what comes of it. Absent: a moment. */
  readonly patienceMs?: number;
  warn(text: string, cause: unknown): void;
}

export interface OpenRegistry extends CodeRegistry {
  /** Before the store. */
  close(): Promise<void>;
}

/** The directory of this node that is the registry; undefined where it is elsewhere, so that the worker can neither list nor change it. */
export function directoryOf({ registry }: Pick<RegistryConfig, 'registry'>): string | undefined {
  return schemeOf(registry) === undefined ? registry : undefined;
}

/** Throws an Error for the operator. */
export function openRegistry(config: RegistryConfig, options: OpenRegistryOptions): OpenRegistry {
  const { registry, registry_auth: auth } = config;
  switch (schemeOf(registry)) {
    case undefined: {
      const directory = new DirectoryRegistry({ dir: registry, ...options });
      return { resolve: (name, known) => directory.resolve(name, known), close: () => Promise.resolve() };
    }
    case 'http':
    case 'https':
      return overHttp(httpRemote(registry, auth), config, options);
    case 's3':
      return overHttp(s3Remote(registry, process.env), config, options);
    default:
      throw new Error(`open the registry "${registry}": expected a directory, http://, https:// or s3://`);
  }
}

/** How long a lambda that is not to be had is not looked for again, at most. */
const mostMissMs = 1000;

function overHttp(remote: Remote, { registry_ca, registry_cache_ms }: RegistryConfig, options: OpenRegistryOptions): OpenRegistry {
  const { patienceMs } = options;
  const times = { missMs: Math.min(mostMissMs, registry_cache_ms), ...(patienceMs !== undefined && { patienceMs }) };
  return new HttpRegistry({ remote, ca: registry_ca === undefined ? undefined : certificates(registry_ca), times, ...options });
}

function certificates(file: string): string {
  try {
    const pem = readFileSync(file, 'utf8');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
    throw new Error('it has no certificate in PEM (-----BEGIN CERTIFICATE-----)');
  } catch (cause) {
    throw new Error(`read registry_ca "${file}": ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function schemeOf(registry: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(registry)?.[1]?.toLowerCase();
}
