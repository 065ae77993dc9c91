// Opens the images of a worker_dir as its config says. Used by main.ts and by commands.
import { join } from 'node:path';
import { certificates } from '../certificates.ts';
import type { RegistryAuth } from '../http/remote.ts';
import { layerLimits } from '../layers/layer-limits.ts';
import { LayerStore } from '../layers/layer-store.ts';
import type { UnpackPool } from '../unpack-pool.ts';
import { type Credentials, credentialsFor, defaultDockerConfig } from './credentials.ts';
import { Images } from './images.ts';
import { progressText } from './progress.ts';

/** The keys of the config, checked. */
export interface ImagesConfig {
  readonly worker_dir: string;
  /** With `docker`, an engine pulls and keeps the layers of images. */
  readonly sandbox: 'docker' | 'sock';
  readonly registry_auth?: RegistryAuth | undefined;
  readonly registry_ca?: string | undefined;
  readonly insecure_registries: readonly string[];
  readonly image_store_mb: number;
}

export interface OpenImagesOptions {
  readonly pool: UnpackPool;
  /** A line now and then of how far a pull is, for the log. */
  note?(text: string): void;
}

export interface OpenImages {
  readonly images: Images;
  /** After whoever has retained an image has released it, before the pool. */
  close(): Promise<void>;
}

/** Who this node is to the registry at a host. */
export function credentialsOf({ registry_auth: registryAuth = {} }: Pick<ImagesConfig, 'registry_auth'>) {
  return (host: string): Credentials | undefined => credentialsFor(host, { registryAuth, dockerConfig: defaultDockerConfig() });
}

const mib = 2 ** 20;

/** Throws an Error for the operator. */
export function openImages(config: ImagesConfig, { pool, note }: OpenImagesOptions): OpenImages {
  const dir = join(config.worker_dir, 'images');
  const bytes = config.image_store_mb * mib;
  const layers = config.sandbox === 'sock' ? new LayerStore({ dir: join(dir, 'layers'), pool, bytes }) : undefined;
  const images = new Images({
    dir,
    layers,
    unpack: (job, cancelled) => pool.unpackLayer({ ...job, limits: layerLimits }, cancelled),
    mostBytes: bytes,
    registryAuth: config.registry_auth ?? {},
    insecure: config.insecure_registries,
    ca: certificates(config.registry_ca),
    onProgress: (now, step) => {
      if (step !== 'bytes') note?.(`pull ${now.image}: ${now.at === 'done' ? 'done, ' : ''}${progressText(now)}`);
    },
  });
  return {
    images,
    close: async () => {
      await images.close();
      await layers?.close();
    },
  };
}
