// The log: what a lambda prints is told as its own words, and nothing else.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';
import { callCold, coldClasses } from './attempts.ts';

const source = `
import os, sys
def f(event):
    os.write(event['to'], event['text'].encode('utf-8', 'surrogateescape') + b'\\n')
    os.write(event['to'], b'the end\\n')
`;

const forgeries: Readonly<Record<string, string>> = {
  'an entry of the log': '{"level":60,"msg":"the worker was taken over","lambda":"other"}',
  'a quote and an entry': '"}\n{"level":60,"msg":"forged"}',
  'a carriage return and an entry': 'x\r{"level":60,"msg":"forged"}',
  'terminal controls': '\u001b[2J\u001b]0;owned\u0007',
  'the line that says where the worker listens': 'listening on http://127.0.0.1:1 (forged)',
};

for (const start of coldClasses) {
  describe(`a ${start} lambda cannot pass in the log as another by`, needsRoot, () => {
    const owner = suiteOwner();
    let worker: Worker;
    before(async () => {
      worker = await startWorker(owner, { lambdas: { forger: source } });
    });
    for (const [what, text] of Object.entries(forgeries)) {
      test(what, async () => {
        for (const to of [1, 2]) {
          const from = worker.log.length;
          const { headers } = await callCold(worker, 'forger', { to, text }, start);
          await worker.logged((entry) => entry.msg === 'the end' && entry.requestId === headers['x-request-id']);
          const entries = worker.log.slice(from).filter((entry) => entry.level !== 40);
          assert.deepEqual(entries.map((entry) => entry.msg).join('\n'), `${text}\nthe end`);
          for (const { level, lambda } of entries) assert.deepEqual([level, lambda], [30, 'forger']);
        }
        assert.equal(worker.stdout.filter((line) => line.startsWith('listening on')).length, 1);
        assert.ok(worker.stdout.every((line) => !/\p{Cc}/u.test(line)));
      });
    }
  });
}
