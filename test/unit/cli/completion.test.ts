import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { completion } from '../../../src/cli/completion/completion.ts';
import { shells } from '../../../src/cli/completion/shells.ts';
import { program } from '../../../src/cli/program.ts';

for (const shell of shells) {
  const there = spawnSync(shell, ['--version']).error === undefined;
  test(`${shell} can read its script`, there ? {} : { skip: `${shell} is not installed` }, () => {
    const { status, stderr } = spawnSync(shell, ['-n'], { input: completion(program(), shell), encoding: 'utf8' });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  test(`the script for ${shell} has every command, and options with what they are for`, () => {
    const script = completion(program(), shell);
    for (const { name } of program().commands.map((command) => ({ name: command.name() })))
      assert.match(script, new RegExp(`\\b${name}\\b`));
    assert.match(script, /detach/);
    if (shell !== 'bash') assert.match(script, /in the background/);
  });
}

const typed: readonly (readonly [words: readonly string[], completed: string])[] = [
  [['worker', 'sta'], 'status'],
  [['ol', 'worker', 'sta'], 'status'],
  [['worker', 'up', '-p', 'status', '--de'], '--detach'],
  [['worker', 'admin', ''], 'install -h --help'],
  [['ol', 'admin', 'install', '--req'], '--requirements'],
  [['worker', 'completion', 'f'], 'fish'],
  [['worker', 'nonsense', 's'], ''],
];
for (const [words, completed] of typed) {
  test(`bash completes "${words.join(' ')}"`, () => {
    const script = `${completion(program(), 'bash')}
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}
      _sock_worker; echo "\${COMPREPLY[*]}"`;
    assert.equal(spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout, `${completed}\n`);
  });
}
