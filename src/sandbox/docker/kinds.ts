// What containers are made of, beside their code: an image, and what runs in it. Found out when it is first needed, and again when the engine has lost it.
import { basename } from 'node:path';
import type { Program } from '../../runtime/runtime.ts';
import type { ContainerPlan } from './container-plan.ts';

export type Kind = Pick<ContainerPlan, 'image' | 'argv' | 'environment' | 'directory' | 'binds' | 'volumes'>;

export type Base = Pick<Kind, 'image' | 'volumes' | 'binds'>;

export class KindSource {
  readonly #find: () => Promise<Kind>;
  #found: Promise<Kind> | undefined;

  /** `known`: as it is now, if that is known. */
  constructor(find: () => Promise<Kind>, known?: Kind) {
    this.#find = find;
    if (known !== undefined) this.#found = Promise.resolve(known);
  }

  get(): Promise<Kind> {
    this.#found ??= this.#find().catch((cause: unknown) => {
      this.#found = undefined;
      throw cause;
    });
    return this.#found;
  }

  /** It is not as it was: to be found out anew. */
  forget(): void {
    this.#found = undefined;
  }
}

/** A runtime's program in the image made of this machine's root. */
export function hostKind({ argv, environment, mounts }: Program, base: Base): Kind {
  return { ...base, argv, environment, directory: '/', binds: [...base.binds, ...mounts] };
}

/** In an image that may be any: what is of the image is found by the image's own PATH. */
export function kindOf(program: Program, base: Base): Kind {
  const [first = '', ...rest] = program.argv;
  const argv = [first.startsWith('/runtime/') ? first : basename(first), ...rest];
  return hostKind({ ...program, argv, environment: program.environment.filter((variable) => !variable.startsWith('PATH=')) }, base);
}
