// Which image of several is for this node.
import { arch } from 'node:process';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** As Go, and so every image, calls what Node calls otherwise. */
const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  mipsel: 'mipsle',
  loong64: 'loong64',
};
const variants: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7' };

export function platformOf(nodeArch: string): Platform {
  return { os: 'linux', architecture: architectures[nodeArch] ?? nodeArch, variant: variants[nodeArch] };
}

export const thisPlatform: Platform = platformOf(arch);

/**
 * How well an image for `image` runs here, 0 for not at all. Without a variant it is for all of them. Of arm's variants an older one runs, too; of amd64's
 * (v2, v3: what a processor can do beyond the first) only v1 is certain.
 */
export function fitness(image: Platform, here: Platform = thisPlatform): number {
  if (image.os !== here.os || image.architecture !== here.architecture) return 0;
  const [theirs, ours] = [level(image.variant), level(here.variant ?? 'v1')];
  if (theirs === undefined) return 50;
  if (ours === undefined || theirs > ours) return 0;
  return theirs === ours ? 100 : theirs;
}

export function platformText({ os, architecture, variant }: Platform): string {
  return `${os}/${architecture}${variant === undefined || variant === '' ? '' : `/${variant}`}`;
}

function level(variant: string | undefined): number | undefined {
  if (variant === undefined || variant === '') return undefined;
  const [, number] = /^v(\d{1,2})$/.exec(variant) ?? [];
  return number === undefined ? Number.POSITIVE_INFINITY : Number(number);
}
