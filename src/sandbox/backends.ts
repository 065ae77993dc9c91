// The backends there are, and which one a worker has.
import type { DockerOptions } from './docker/parts.ts';
import type { Backend, BackendStatus } from './sandbox.ts';
import { SockBackend, type SockOptions } from './sock/backend.ts';
import { UidRange } from './sock/uids.ts';

export interface BackendOptions extends Omit<DockerOptions, DockerKeys | 'uids'>, Omit<SockOptions, SockKeys> {
  readonly docker: Pick<DockerOptions, DockerKeys>;
  readonly sock: Pick<SockOptions, SockKeys>;
}

type DockerKeys = 'socket' | 'baseImage' | 'runtime' | 'credentials';
type SockKeys = 'base' | 'maxSandboxes' | 'lambdaZygotes';

/** Rejects with what is wrong and how to mend it. */
export async function openBackend(which: BackendStatus['backend'], { docker, sock, ...shared }: BackendOptions): Promise<Backend> {
  if (which === 'sock') return new SockBackend({ ...shared, ...sock });
  const [{ DockerBackend }, { nobody }] = await Promise.all([import('./docker/backend.ts'), import('./docker/parts.ts')]);
  const uids = process.getuid?.() === 0 ? UidRange.claim(shared.native) : nobody;
  return await DockerBackend.open({ ...shared, ...docker, uids });
}
