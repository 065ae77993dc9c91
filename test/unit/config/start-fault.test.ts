import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startFault } from '../../../src/config/start-fault.ts';

const places = { log_output: '/var/log/worker/log', registry: '/srv/w/code', sock_base_path: 'host', worker_dir: '/srv/w' };

function failed(code: string, syscall: string, path?: string, dest?: string): Error {
  return Object.assign(new Error(`${code}: ${syscall}`), { code, syscall, ...(path && { path }), ...(dest && { dest }) });
}

const faults: readonly (readonly [error: Error, message: RegExp, isLasting: boolean])[] = [
  [failed('ENOSPC', 'mkdir', '/srv/w/store'), /^worker_dir: mkdir "\/srv\/w\/store": no space .*ENOSPC.*; make room/, false],
  [failed('EDQUOT', 'copyfile', '/usr/x', '/srv/w/root/x'), /^worker_dir: copyfile "\/srv\/w\/root\/x": .*quota/, false],
  [failed('ENOSPC', 'write'), /^worker_dir: write "\/srv\/w": no space/, false],
  [failed('EROFS', 'mkdir', '/srv'), /^registry: mkdir "\/srv": .*read-only \(EROFS\); mount it/, true],
  [failed('EACCES', 'scandir', '/srv/w/code'), /^registry: .*as root/, true],
  [failed('EACCES', 'access', '/srv/w/root/runtime/guest.so'), /^worker_dir: .*noexec.*; mount it with exec/, true],
  [failed('EISDIR', 'open', '/var/log/worker/log'), /^log_output: open .*it is a directory.*; name a file$/, true],
  [failed('ENXIO', 'open', '/var/log/worker/log'), /^log_output: .*nothing reads/, false],
  [failed('EWEIRD', 'open', '/srv/w/lock'), /^worker_dir: open "\/srv\/w\/lock": EWEIRD;/, true],
  [new Error('make it', { cause: failed('ENOENT', 'mkdir', '/srv/w') }), /^registry: mkdir "\/srv\/w"|^worker_dir: mkdir/, true],
];
for (const [error, message, isLasting] of faults) {
  test(`${error.message} of a start is told with the key that led there: ${message.source}`, () => {
    const fault = startFault(error, places);
    assert.match(fault?.message ?? 'nothing', message);
    assert.equal(fault?.isLasting, isLasting);
  });
}

test('what the file system really throws is known', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sock-fault-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'file'), '');
  const attempts = [
    () => mkdirSync(join(dir, 'file')),
    () => openSync(dir, 'a'),
    () => copyFileSync('/etc/passwd', join(dir, 'no/copy')),
    () => writeFileSync('/dev/full', 'x'),
  ];
  for (const attempt of attempts) assert.throws(attempt, (error) => startFault(error, { ...places, worker_dir: dir }) !== undefined);
});

test('another error, or one elsewhere, is left as it is', () => {
  assert.equal(startFault(new TypeError('x is not a function'), places), undefined);
  assert.equal(startFault(failed('ENOENT', 'open', '/opt/worker/sock.node'), places), undefined);
});
