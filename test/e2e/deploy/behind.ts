// What holds behind every balancer of deploy/: two real workers, the shipped configuration, the real program.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { raw, request } from '../../unit/http/serving.ts';
import { stuck, who } from '../lambdas.ts';
import { startWorker, suiteOwner, type Worker } from '../worker.ts';
import { type Balancer, freePort, type StartBalancer } from './balancer.ts';
import { type Ask, client, ran } from './calls.ts';

/** Lambdas that tell that they ran. */
export const many = Array.from({ length: 16 }, (_, i) => `ran-${i}`);
const lambdas: Readonly<Record<string, string>> = {
  ...Object.fromEntries(many.map((name) => [name, ran])),
  who,
  stuck,
  size: 'def f(event):\n  return len(event["text"])\n',
};

/** Takes calls for a while after SIGTERM, and freezes nothing meanwhile. */
export const patient = { drain_ms: 5000, freeze_after_ms: 600_000 };

export interface Place {
  readonly balancer: Balancer;
  readonly ask: Ask;
  readonly workers: readonly [Worker, Worker];
  /** Calls that lambda of `many`, and tells which worker ran it: one of the two or of `more`. */
  home(lambda: string, ...more: readonly Worker[]): Promise<Worker>;
}

/** Two workers behind a balancer. */
export async function place(owner: Parameters<StartBalancer>[0], start: StartBalancer): Promise<Place> {
  const worker = async () => startWorker(owner, { lambdas, config: { worker_port: await freePort(), ...patient } });
  const workers = await Promise.all([worker(), worker()]);
  const balancer = await start(owner, [workers[0].port, workers[1].port]);
  const ask = client(owner, balancer.port);
  let asked = 0;
  const home = async (lambda: string, ...more: readonly Worker[]): Promise<Worker> => {
    const id = `home-${asked++}`;
    const { status } = await ask(`/run/${lambda}`, { body: JSON.stringify({ id }) });
    assert.equal(status, 200);
    return Promise.any([...workers, ...more].map(async (each) => (await each.logged(({ msg }) => msg === `ran ${id}`)) && each));
  };
  return { balancer, ask, workers, home };
}

export function behind(start: StartBalancer): void {
  describe('calls', () => {
    const owner = suiteOwner();
    let balancer: Balancer, ask: Ask, workers: Place['workers'], home: Place['home'];
    before(async () => {
      ({ balancer, ask, workers, home } = await place(owner, start));
    });

    test('all calls of a lambda meet the same instance, whichever way they are written', async () => {
      const first = await ask('/runLambda/who', { body: '{}' });
      const { name } = JSON.parse(first.text) as { name: string };
      for (const [calls, path] of [
        [2, '/runLambda/who'],
        [3, '/run/who'],
        [4, '/run/who/some/where?and=what'],
      ] as const) {
        const next = await ask(path, { body: '{}' });
        assert.deepEqual([next.status, next.headers['x-start-class'], JSON.parse(next.text)], [200, 'warm', { name, calls }]);
      }
    });

    test('lambdas spread over the workers, and each stays where it is', async () => {
      const homes = new Map<string, Worker>();
      for (const lambda of many) homes.set(lambda, await home(lambda));
      for (const worker of workers) assert.ok([...homes.values()].includes(worker));
      for (const [lambda, first] of homes) assert.equal((await home(lambda)).port, first.port, lambda);
    });

    test('a body of several MB goes through, and one over the limit is refused by the worker', async (t) => {
      const text = 'x'.repeat(7 << 20);
      assert.deepEqual((await ask('/runLambda/size', { body: JSON.stringify({ text }) })).text, `${text.length}`);
      const over = await raw(t, balancer.port);
      over.send(request('POST', '/runLambda/size', { 'content-length': 9 << 20 }));
      assert.match(await over.until('"body-too-large"'), /^HTTP\/1.1 413 /);
    });

    test('a request id is taken over, made where there is none, and told in the reply and in the log of the worker', async () => {
      const given = await ask('/runLambda/ran-0', { body: '{"id":"given"}', headers: { 'x-request-id': 'of-the-client:1' } });
      assert.equal(given.headers['x-request-id'], 'of-the-client:1');
      for (const headers of [{}, { 'x-request-id': 'with "quotes"' }]) {
        const made = await ask('/runLambda/ran-0', { body: '{"id":"made"}', headers });
        const id = made.headers['x-request-id'];
        assert.match(`${id}`, /^[0-9a-f-]{32,36}$/);
        await Promise.any(workers.map((worker) => worker.logged(({ requestId }) => requestId === id)));
      }
    });

    test('paths of the administrator are refused, however they are written', async (t) => {
      const paths =
        '/ /registry /registry/ /registry/who /registry/../run/who /run /running/who //run/who /%72egistry /pprof/mem /debug /trace /dashboard /metrics /stats /create /destroy/1';
      for (const path of paths.split(' ')) {
        for (const target of [path, `http://test${path}`]) {
          const connection = await raw(t, balancer.port);
          connection.send(request('DELETE', target, { connection: 'close' }));
          assert.match(await connection.ended, /^HTTP\/1.1 403 .*"code":"not-open".*"requestId":"[0-9a-f-]+"/s, target);
        }
      }
      // Where a balancer lets this pass, the worker finds no lambda of that name.
      for (const path of ['/run/../registry/', '/run/%2e%2e/registry/', '/runLambda/..']) {
        const connection = await raw(t, balancer.port);
        connection.send(request('POST', path, { connection: 'close', 'content-length': 0 }));
        assert.match(await connection.ended, /^HTTP\/1.1 40[034] /, path);
      }
    });

    test('/status tells whether there is a worker, without details', async () => {
      const { status, text } = await ask('/status', { method: 'GET', headers: { accept: 'application/json' } });
      assert.deepEqual([status, text], [200, 'ready\n']);
    });

    test('a caller cannot choose the start class', async () => {
      await ask('/runLambda/who', { body: '{}' });
      assert.equal((await ask('/runLambda/who', { body: '{}', headers: { 'x-force-start': 'forked' } })).headers['x-start-class'], 'warm');
    });

    test('a client that goes away cancels its call', async (t) => {
      const gone = await raw(t, balancer.port);
      gone.send(request('POST', '/runLambda/stuck', { 'content-length': 0, 'x-request-id': 'gone' }));
      const worker = await Promise.any(workers.map(async (each) => (await each.logged(({ requestId }) => requestId === 'gone')) && each));
      gone.socket.destroy();
      let inFlight = 1;
      for (let looks = 0; looks < 1000 && inFlight > 0; looks++) ({ inFlight } = await worker.status<{ inFlight: number }>());
      assert.equal(inFlight, 0);
    });
  });
}
