// What goes into a handler and what comes out of it.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { echo } from './lambdas.ts';
import { needsRoot, startWorker, suiteOwner, type Worker } from './worker.ts';

const kinds = `import decimal
def f(event):
  return {
    "type": lambda: type(event["value"]).__name__,
    "set": lambda: {1},
    "bytes": lambda: b"raw",
    "object": lambda: object(),
    "decimal": lambda: decimal.Decimal(1),
    "circle": circle,
    "nan": lambda: float("nan"),
    "none": lambda: None,
    "tuple": lambda: (1, 2),
    "keys": lambda: {1: "a", None: "b", True: "c"},
    "surrogate": lambda: "\\ud800",
    "deep": lambda: deep(100_000),
  }[event["want"]]()
def circle():
  a = []
  a.append(a)
  return a
def deep(n):
  a = []
  for _ in range(n): a = [a]
  return a
`;

describe('JSON', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    worker = await startWorker(owner, {
      config: { freeze_after_ms: 600_000, keep_warm_ms: 600_000 },
      lambdas: { echo, kinds, empty: 'def f(event):\n  return type(event).__name__ + str(len(event))\n' },
    });
  });
  const sent = (body: string | Uint8Array) => worker.call('echo', Buffer.from(body));

  test('no body is an empty object', async () => {
    assert.equal((await worker.call('empty')).text, '"dict0"');
    assert.equal((await worker.call('', undefined, { path: '/run/empty', method: 'GET' })).text, '"dict0"');
  });

  test('every JSON value goes through', async () => {
    for (const value of [
      null,
      true,
      0,
      -1.5,
      '',
      'text',
      [],
      [1, [2]],
      {},
      { a: { b: [null] } },
      'žluťoučký 🐍 \u0000 \u2028',
      'a"\\\n\t/',
    ]) {
      assert.deepEqual((await sent(JSON.stringify(value))).json(), value);
    }
  });

  test('numbers keep all their digits', async () => {
    for (const number of ['123456789012345678901234567890', '9007199254740993', '0.1', '1e+300', '-0.0']) {
      assert.equal((await sent(number)).text, number);
    }
  });

  test('NaN and the infinities, which JSON does not have, are read as Python reads them and are 500 in a reply', async () => {
    for (const answer of [await sent('[NaN, Infinity, -Infinity]'), await worker.call('kinds', { want: 'nan' })]) {
      assert.equal(answer.status, 500);
      assert.match(answer.json<{ error: { message: string } }>().error.message, /ValueError: .*(nan|NaN)/);
    }
  });

  test('what is no JSON is 400 with the place, and the instance goes on', async () => {
    for (const body of ['{', 'nope', '{"a": }', "{'a': 1}", '[1,]', '"\n"', ' ', new Uint8Array([0xff, 0xfe, 0x00])]) {
      const answer = await sent(body);
      assert.equal(answer.status, 400, `${body}: ${answer.text}`);
      assert.equal(answer.json<{ error: { code: string } }>().error.code, 'event-invalid');
    }
    const answer = await sent('{}');
    assert.deepEqual([answer.status, answer.headers['x-start-class']], [200, 'warm']);
  });

  test('what cannot be written as JSON is 500 with the reason, and the instance goes on', async () => {
    for (const [want, reason] of [
      ['set', /TypeError: the reply cannot be sent as JSON: reply is a set/],
      ['object', /TypeError: .*reply is a object/],
      ['decimal', /TypeError: .*reply is a Decimal/],
      ['circle', /ValueError: /],
      ['deep', /ValueError: .*nested too deeply/],
    ] as const) {
      const answer = await worker.call('kinds', { want });
      assert.equal(answer.status, 500, want);
      assert.match(answer.json<{ error: { message: string } }>().error.message, reason);
    }
    const answer = await worker.call('kinds', { want: 'none' });
    assert.deepEqual([answer.text, answer.headers['x-start-class']], ['null', 'warm']);
  });

  test('what only Python knows becomes the nearest that JSON has', async () => {
    for (const [want, text] of [
      ['none', 'null'],
      ['tuple', '[1, 2]'],
      ['keys', '{"1": "c", "null": "b"}'],
      ['surrogate', '"\\ud800"'],
    ]) {
      assert.equal((await worker.call('kinds', { want })).text, text);
    }
  });

  test('a text over several frames arrives byte by byte', async () => {
    const text = JSON.stringify('0123456789é🐍'.repeat(150_000));
    assert.ok(Buffer.byteLength(text) > 2 << 20);
    const answer = await sent(text);
    assert.equal(answer.json(), JSON.parse(text));
  });

  test('deep nesting is an error of that call only', async () => {
    const answer = await sent('['.repeat(200_000));
    assert.ok(answer.status === 400 || answer.status === 500, `${answer.status}`);
    assert.equal((await sent('1')).text, '1');
  });
});
