// The registry over HTTP: the paths, methods and words of OpenLambda's worker, and downloads.
import { WorkerError } from '../../errors.ts';
import type { RegistryEditor } from '../../registry/editor.ts';
import type { Shelf } from '../../registry/shelf.ts';
import { json, plain } from '../error-reply.ts';
import { openLambdaConfig } from './ol-config.ts';
import type { Answerer } from './route.ts';

export interface RegistryOptions {
  readonly shelf: Shelf;
  /** Undefined where the registry is elsewhere. */
  readonly editor: RegistryEditor | undefined;
  /** Bytes of an upload. */
  readonly uploadLimit: number;
}

/** `list`: an array of names, as OpenLambda's; with `?details=1` of objects. */
export function registry({
  shelf,
  editor,
  uploadLimit,
}: RegistryOptions): Readonly<Record<'list' | 'upload' | 'remove' | 'download' | 'config', Answerer>> {
  return {
    list: async ({ query }) => {
      const listed = await shelf.list();
      return { headers: [json], body: `${JSON.stringify(query.get('details') === '1' ? listed : listed.map(({ name }) => name))}\n` };
    },
    upload: async ({ name, contentType, body }) => {
      if (editor === undefined) throw new WorkerError('registry-elsewhere');
      const put = await editor.put(name, isPython(contentType) ? 'file' : 'archive', body(uploadLimit));
      return { status: 201, headers: [json], body: `${JSON.stringify(put)}\n` };
    },
    remove: async ({ name }) => {
      if (editor === undefined) throw new WorkerError('registry-elsewhere');
      await editor.remove(name);
      return { headers: [plain], body: `Lambda ${name} deleted successfully\n` };
    },
    download: async ({ name }) => {
      const { stream, size } = await shelf.download(name);
      return {
        headers: [
          ['content-type', 'application/gzip'],
          ['content-disposition', `attachment; filename="${name}.tar.gz"`],
        ],
        body: stream,
        ...(size !== undefined && { length: size }),
      };
    },
    config: async ({ name }) => ({ headers: [json], body: `${JSON.stringify(openLambdaConfig(await shelf.settings(name)))}\n` }),
  };
}

function isPython(contentType: string): boolean {
  return /^(text|application)\/x-python3?\s*(;|$)/i.test(contentType);
}
