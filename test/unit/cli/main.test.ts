import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

const lines: readonly (readonly [args: readonly string[], exit: number, says: RegExp])[] = [
  [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
  [['--help'], 0, /--config.*doctor|doctor[\s\S]*--config/],
  [['doctor', '--help'], 0, /--json/],
  [['--confg', 'x'], 2, /unknown option '--confg'/],
  [['frob'], 2, /unknown command "frob"/],
  [['--config'], 2, /argument missing/],
  [['--config', '/no/such.json'], 2, /the config "\/no\/such.json" cannot be used:\n {2}read .*ENOENT/],
];
for (const [args, exit, says] of lines) {
  test(`worker ${args.join(' ')} exits with ${exit}`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    assert.match(stdout + stderr, says);
    assert.equal(status, exit);
  });
}

test('worker doctor --json prints findings, and its exit code says whether something needed is missing', () => {
  const { status, stdout } = spawnSync(process.execPath, [main, 'doctor', '--json'], { encoding: 'utf8' });
  const findings = JSON.parse(stdout) as { name: string; state: string }[];
  assert.ok(findings.some(({ name }) => name === 'kernel'));
  assert.equal(status, findings.some(({ state }) => state === 'missing') ? 1 : 0);
});
