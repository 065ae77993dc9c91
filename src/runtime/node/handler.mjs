// The code of one directory, and what of it is called.
import { statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

export const entries = ['index.mjs', 'index.js', 'f.mjs', 'f.js', 'f.cjs'];

export class Handler {
  #directory;
  #file;
  #attempts = 0;
  #loading;
  /** (event, context) => result; undefined until it is loaded. */
  f;
  /** The function reads the body itself. */
  streams = false;
  /** The worker has been told of `streams`. */
  announced = false;

  constructor(directory) {
    this.#directory = directory;
  }

  /** The payload of kSetup. */
  configure({ environment = {}, entry = {} }) {
    Object.assign(process.env, environment);
    this.#file = entry.file;
  }

  /** Once, also for several callers. What fails is tried again by the next one. */
  load() {
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #load() {
    const file = this.#file ?? entries.find((name) => statSync(`${this.#directory}/${name}`, { throwIfNoEntry: false })?.isFile());
    if (file === undefined) throw new Error(`the package has none of ${entries.join(', ')}`);
    const url = pathToFileURL(`${this.#directory}/${file}`);
    if (this.#attempts++ > 0) url.search = `${this.#attempts}`; // a module that has failed is kept under its name
    const module = await import(url.href);
    const inner = typeof module.default === 'object' && module.default !== null ? module.default : {}; // what a CommonJS module exports
    const f = [module.f, module.handler, inner.f, inner.handler, module.default].find((one) => typeof one === 'function');
    if (f === undefined) throw new TypeError(`${file} exports no function f(event, context), handler(event, context) or default`);
    this.streams = (module.streamBody ?? inner.streamBody) === true;
    this.f = f;
  }
}
