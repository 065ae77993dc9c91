// Opens the registry that the config key `registry` names. Used by main.ts and by commands.
import { certificates } from './certificates.ts';
import { HttpRegistry } from './http/http-registry.ts';
import { httpRemote, type Remote } from './http/remote.ts';
import { s3Remote } from './http/s3.ts';
import type { Images } from './oci/images.ts';
import { OciRegistry } from './oci/oci-registry.ts';
import { type ImagesConfig, type OpenImagesOptions, openImages } from './oci/open-images.ts';
import { DirectoryRegistry } from './registry.ts';
import type { CodeRegistry, KeptRegistry } from './source-of-code.ts';
import type { Store } from './store.ts';

/** The keys of the config, checked: `registry` is an absolute directory or a URL. */
export interface RegistryConfig extends ImagesConfig {
  readonly registry: string;
  readonly registry_cache_ms: number;
}

export interface OpenRegistryOptions extends OpenImagesOptions {
  readonly store: Store;
  /** For how long whoever has code waits for a registry that is elsewhere, in milliseconds; Infinity: for what comes of it. Absent: a moment. */
  readonly patienceMs?: number;
  warn(text: string, cause: unknown): void;
}

export interface OpenRegistry extends KeptRegistry {
  /** Of this node, wherever the code comes from. */
  readonly images: Images;
}

/** The directory of this node that is the registry; undefined where it is elsewhere, so that the worker can neither list nor change it. */
export function directoryOf({ registry }: Pick<RegistryConfig, 'registry'>): string | undefined {
  return schemeOf(registry) === undefined ? registry : undefined;
}

/** Throws an Error for the operator. */
export function openRegistry(config: RegistryConfig, options: OpenRegistryOptions): OpenRegistry {
  const { images, close } = openImages(config, options);
  const registry = openCode(config, { ...options, images });
  return {
    images,
    resolve: (name, known) => registry.resolve(name, known),
    has: (name) => registry.has(name),
    retain: (code) => registry.retain(code),
    release: (code) => registry.release(code),
    close: async () => {
      await registry.close();
      await close();
    },
  };
}

function openCode(config: RegistryConfig, options: OpenRegistryOptions & { readonly images: Images }): KeptRegistry {
  const { registry, registry_auth: auth } = config;
  switch (schemeOf(registry)) {
    case undefined: {
      const directory = new DirectoryRegistry({ dir: registry, ...options });
      return inStore(directory, options.store);
    }
    case 'http':
    case 'https':
      return overHttp(httpRemote(registry, auth), config, options);
    case 's3':
      return overHttp(s3Remote(registry, process.env), config, options);
    case 'oci':
      return new OciRegistry({ url: registry, missMs: missMs(config), ...options });
    default:
      throw new Error(`open the registry "${registry}": expected a directory, http://, https://, s3:// or oci://`);
  }
}

/** How long a lambda that is not to be had is not looked for again, at most. */
const mostMissMs = 1000;

function missMs({ registry_cache_ms }: RegistryConfig): number {
  return Math.min(mostMissMs, registry_cache_ms);
}

/** One whose code is in the store. */
export function inStore(registry: CodeRegistry, store: Store, close: () => Promise<void> = async () => {}): KeptRegistry {
  return {
    resolve: (name, known) => registry.resolve(name, known),
    has: (name) => store.bound(name) !== undefined,
    retain: ({ digest }) => store.retain(digest),
    release: ({ digest }) => store.release(digest),
    close,
  };
}

function overHttp(remote: Remote, config: RegistryConfig, options: OpenRegistryOptions): KeptRegistry {
  const { patienceMs } = options;
  const times = { missMs: missMs(config), ...(patienceMs !== undefined && { patienceMs }) };
  const registry = new HttpRegistry({ remote, ca: certificates(config.registry_ca), times, ...options });
  return inStore(registry, options.store, () => registry.close());
}

function schemeOf(registry: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(registry)?.[1]?.toLowerCase();
}
