// `worker new`: writes a lambda that runs into the registry.
import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/load.ts';
import { findEntry } from '../../registry/entry.ts';
import type { Language } from '../../runtime/languages.ts';
import { because, codeOf, Failure } from '../failure.ts';
import { checkNewName } from '../lambda-name.ts';
import { type PlaceOptions, placeOf } from '../place.ts';
import { registryDirectory } from '../registry-directory.ts';
import { checked } from '../run.ts';
import { type TemplateFile, template } from './template.ts';

export interface NewOptions extends PlaceOptions {
  readonly runtime: Language;
}

export function newLambda(name: string, { runtime, ...options }: NewOptions): void {
  const place = placeOf(options);
  const config = checked({ config: place.configFile, options: place.options });
  const registry = checkedRegistry(config, name);
  const dir = join(registry, name);
  const files = template(runtime);
  try {
    write(registry, dir, files);
  } catch (cause) {
    throw new Failure(`write the lambda "${dir}": ${because(cause)}${codeOf(cause) === 'EACCES' ? '; use sudo' : ''}`, { cause });
  }
  process.stdout.write(`${files.map(({ file }) => `wrote ${join(dir, file)}\n`).join('')}
Call it:
  curl -X POST ${address(config)}/run/${name} -d '{"name": "you"}'
${config.worker_port === 0 ? 'PORT: worker_port is 0, so the worker takes a free one, and tells it when it starts\n' : ''}`);
}

/** Of the worker that runs, or will run. */
function address({ worker_url: host, worker_port: port }: Config): string {
  const name = ['0.0.0.0', '::'].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port === 0 ? 'PORT' : port}`;
}

/** The directory for it, in which there is none of this name. */
function checkedRegistry(config: Config, name: string): string {
  const attempt = `write the lambda "${name}"`;
  checkNewName(name, attempt);
  try {
    const registry = registryDirectory(config, attempt);
    const entry = findEntry(registry, name);
    if (entry !== undefined) throw new Failure(`${attempt}: "${entry.path}" is there (take another name, or remove it)`);
    return registry;
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure(`${attempt}: ${because(cause)}`, { cause });
  }
}

/** Whole or not at all: a name with "~" is no lambda's, and the rename fails where something has come meanwhile. */
function write(registry: string, dir: string, files: readonly TemplateFile[]): void {
  const temporary = join(registry, `.new~${randomUUID()}`);
  try {
    mkdirSync(temporary);
    for (const { file, mode = 0o644, text } of files) writeFileSync(join(temporary, file), text, { mode });
    renameSync(temporary, dir);
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    throw cause;
  }
}
