// The config key `registry_ca`.
import { readFileSync } from 'node:fs';

/** In PEM; undefined without the key. Throws an Error for the operator. */
export function certificates(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    const pem = readFileSync(file, 'utf8');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
    throw new Error('it has no certificate in PEM (-----BEGIN CERTIFICATE-----)');
  } catch (cause) {
    throw new Error(`read registry_ca "${file}": ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
