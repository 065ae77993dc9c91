// The channel: whatever a lambda writes to it ends the lambda at the most. The worker and its neighbours go on.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Answer, needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';
import { callCold, coldClasses, source } from './attempts.ts';

const answersWell =
  (expected: string) =>
  (answer: Answer): void => {
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.text, expected);
  };
const failsWith =
  (status: number, code: string) =>
  (answer: Answer): void => {
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.json<{ error: { code: string } }>().error.code, code);
  };
const died = failsWith(502, 'sandbox-died');
const invalid = failsWith(502, 'reply-invalid');
const late = failsWith(504, 'time-limit');

const expectations: Readonly<Record<string, (answer: Answer) => void>> = {
  garbage: died,
  zeros: died,
  'a wrong version': died,
  'a frame of 4 GiB': died,
  'a frame over the limit': died,
  flags: died,
  'an unknown frame': died,
  "the worker's frame": died,
  "the worker's word to cancel": died,
  "the worker's settings": died,
  'an empty piece of a body': died,
  'a window of nothing': invalid,
  'a window larger than there is': invalid,
  'a window of three bytes': died,
  'a log line of nobody': invalid,
  'a log line that is too long': died,
  'more than the window at once': invalid,
  'a reply that breaks off before it began': failsWith(500, 'handler-raised'),
  'a reply that breaks off with a body': died,
  'a failure of set-up that is none': failsWith(503, 'start-failed'),
  'a short failure': died,
  'an end without times': died,
  'half a frame': late,
  'a reply of another request': invalid,
  'a reply of request 0': invalid,
  'ready again': invalid,
  'nothing but an end': answersWell('"well"'),
  'times from nowhere': (answer) => {
    answersWell('"well"')(answer);
    for (const [, ms] of `${answer.headers['server-timing']}`.matchAll(/dur=([^,]*)/g))
      assert.ok(Number(ms) >= 0 && Number(ms) < 60_000, ms);
  },
  'two replies': answersWell('"first"'),
  'frames after the reply': (answer) => (answer.status === 200 ? answersWell('"first"') : invalid)(answer), // which of the two comes first
  'two heads': invalid,
  'a head that is no JSON': invalid,
  'a head that is a list': invalid,
  'a head of brackets': invalid,
  'a head without status': answersWell(''),
  'headers that are none': answersWell(''),
  'status 101': invalid,
  'status 99999': invalid,
  'status in words': invalid,
  'an error that it may not name': invalid,
  'a line break in a header name': invalid,
  'a line break in a header value': invalid,
  'a line feed in a header value': invalid,
  'an end of the head in a header value': invalid,
  'a NUL in a header value': invalid,
  'a header name with a colon': invalid,
  'a header without a name': invalid,
  'a wide character in a header': invalid,
  "the worker's own headers": (answer) => {
    answersWell('body')(answer);
    assert.equal(answer.headers['content-length'], '4');
    assert.equal(answer.headers['transfer-encoding'], undefined);
    for (const name of ['x-request-id', 'x-start-class', 'server-timing', 'date', 'connection', 'upgrade'])
      assert.notEqual(answer.headers[name], '1', name);
  },
  'a body where none may be (204)': (answer) => assert.deepEqual([answer.status, answer.text], [204, '']),
  'a body where none may be (304)': (answer) => assert.deepEqual([answer.status, answer.text], [304, '']),
  'a closed channel': died,
  'a channel shut down': died,
  'a process that goes on': died,
  'another program': died,
  'an exit': died,
  'a crash': died,
  'nothing at all': late,
};

/** After these something of a reply has reached the client: it is cut; of the first, which does not end, at its time limit. */
const cut = ['more than the window in pieces', 'a reply that breaks off', 'a head after the body'];

const neighbour = 'calls = 0\ndef f(event):\n  global calls\n  calls += 1\n  return calls';

for (const start of coldClasses) {
  describe(`a ${start} lambda that sends`, needsRoot, () => {
    const owner = suiteOwner();
    let patient: Worker;
    let impatient: Worker;
    let calls = 0;
    before(async () => {
      const lambdas = { attack: source('channel'), neighbour };
      patient = await startWorker(owner, { lambdas });
      impatient = await startWorker(owner, { lambdas, config: { limits: { runtime_sec: 1 } } });
    });
    for (const [attack, check] of Object.entries(expectations)) {
      test(`${attack}: harms nobody else`, async () => {
        check(await callCold(check === late ? impatient : patient, 'attack', { attack }, start));
        // The same instance that has been there from the first attack on, over the connection that the attack's reply came by.
        assert.equal((await patient.call('neighbour')).text, `${++calls}`);
        if (check === late) assert.equal((await impatient.status<{ ready: boolean }>()).ready, true);
      });
    }
    for (const attack of cut) {
      test(`${attack}: is cut, and harms nobody else`, async () => {
        await assert.rejects(callCold(impatient, 'attack', { attack }, start), /aborted/);
        assert.equal((await patient.call('neighbour')).text, `${++calls}`);
      });
    }
  });
}
