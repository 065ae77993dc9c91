import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../../src/sandbox/sock/native.ts';

const built = (name: string): string => join(packageRoot(), 'build/Release', name);
const skip = existsSync(built('child.a')) ? false : 'the native part is not built';

/** `W name` and so on: nm's letter for the kind of symbol, and its name. */
function symbols(...options: string[]): string[] {
  const lines = execFileSync('nm', ['--format=posix', ...options], { encoding: 'utf8' }).split('\n');
  return lines.map((line) => line.split(' ')).flatMap(([name, kind]) => (name && kind && kind.length === 1 ? [`${kind} ${name}`] : []));
}

// The child of a clone shares the memory of its parent, whose locks and thread it does not have: a call into libc may hang or corrupt it.
test('the child of a clone needs nothing but itself: no libc, no allocation, no exceptions', { skip }, () => {
  const allowed: string[] = [];
  assert.deepEqual(symbols('--undefined-only', built('child.a')), allowed);
  assert.deepEqual(
    symbols('--defined-only', '--extern-only', built('child.a')).sort(),
    ['spawn', 'network', 'proc', 'wait'].map((plan) => `T sock_walk_${plan}`).sort(),
  );
});

// It loads under any libc: glibc's or musl's.
test('the guest library needs nothing but dlsym, and that only where there is one', { skip }, () => {
  assert.deepEqual(symbols('--dynamic', '--undefined-only', built('guest.so')), ['w dlsym']);
  assert.doesNotMatch(execFileSync('objdump', ['-p', built('guest.so')], { encoding: 'utf8' }), /NEEDED/);
});

test('the guest library exports its own functions and the two that it stands before, no more', { skip }, () => {
  assert.deepEqual(symbols('--dynamic', '--defined-only', built('guest.so')).sort(), [
    'T __register_atfork',
    'T guest_born',
    'T guest_sealed',
    'T guest_serve',
    'T guest_spin',
    'T pthread_atfork',
  ]);
});

test('the bare zygote is static and needs no libc, so that its forks are small', {
  skip: existsSync(built('bare_zygote')) ? false : 'it is not built',
}, () => {
  assert.deepEqual(symbols('--undefined-only', built('bare_zygote')), []);
  const segments = execFileSync('objdump', ['-p', built('bare_zygote')], { encoding: 'utf8' });
  assert.doesNotMatch(segments, /INTERP|DYNAMIC/);
});
