import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, createReadStream, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openLog } from '../../../src/observe/log.ts';
import { LogFile } from '../../../src/observe/log-file.ts';

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'sock-log-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

const root = process.getuid?.() === 0 || process.env.REQUIRE_KERNEL === '1' ? {} : { skip: 'needs root, to mount a small disk' };

test('what cannot be opened is told at once', (t) => {
  const dir = scratch(t);
  assert.throws(() => openLog(dir), { code: 'EISDIR', path: dir });
  assert.throws(() => openLog(join(dir, 'missing/log')), { code: 'ENOENT' });
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  assert.throws(() => openLog(join(dir, 'pipe')), { code: 'ENXIO' });
});

test('a log on a full disk is complained of once, and holds up neither the process nor its end', () => {
  const program = `
    import { openLog } from ${JSON.stringify(new URL('../../../src/observe/log.js', import.meta.url).href)};
    const log = openLog('/dev/full');
    log.info('one');
    await new Promise((done) => setImmediate(done));
    log.info('two');
    setTimeout(() => process.exit(7), 20);`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', timeout: 10_000 });
  assert.match(stderr, /^worker: write the log \(\/dev\/full\): ENOSPC: no space left on device.*make room.*\n$/);
  assert.equal(status, 7);
});

test('what is logged while the disk is full is written when there is room', root, async (t) => {
  const dir = scratch(t);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', dir]);
  try {
    const fd = openSync(join(dir, 'log'), 'a');
    assert.throws(() => writeFileSync(join(dir, 'full'), Buffer.alloc(1 << 15)), { code: 'ENOSPC' });
    const file = await new Promise<LogFile>((resolve) => {
      const opened = new LogFile(fd, () => resolve(opened));
      opened.write('while it was full\n');
      opened.write('and then\n');
    });
    rmSync(join(dir, 'full'));
    file.flush();
    closeSync(fd);
    assert.equal(readFileSync(join(dir, 'log'), 'utf8'), 'while it was full\nand then\n');
  } finally {
    execFileSync('umount', [dir]);
  }
});

test('a pipe that is read slowly gets every line, in order', async (t) => {
  const pipe = join(scratch(t), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const first = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK); // without it neither of these could be opened
  const writing = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  const file = new LogFile(writing, (cause) => assert.fail(cause));
  const reading = openSync(pipe, 'r');
  closeSync(first);
  const lines = Array.from({ length: 200 }, (_, i) => `${i} ${'x'.repeat(1000)}\n`).join('');
  for (const line of lines.split(/(?<=\n)/)) file.write(line);
  let got = '';
  for await (const chunk of createReadStream('', { fd: reading, encoding: 'utf8' })) {
    got += chunk;
    if (got.length >= lines.length) closeSync(writing); // ends the loop
  }
  assert.equal(got, lines);
});
