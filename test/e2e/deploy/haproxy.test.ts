// deploy/haproxy.cfg as it is shipped.
import { describe, test } from 'node:test';
import { needsRoot } from '../worker.ts';
import { needsPrograms, startHaproxy } from './balancer.ts';
import { behind, place } from './behind.ts';
import { passing } from './passing.ts';

describe('behind HAProxy', { ...needsPrograms('haproxy'), ...needsRoot }, () => {
  behind(startHaproxy);
  passing(startHaproxy);

  test('many calls of one lambda at a time are more than its worker gets', async (t) => {
    const { ask, workers } = await place(t, startHaproxy);
    const calls = Array.from({ length: 8 }, (_, i) => ask('/run/stuck', { headers: { 'x-request-id': `stuck-${i}` } }).catch(String));
    await Promise.all(workers.map((worker) => worker.logged(({ msg }) => msg === 'begun')));
    await Promise.all(workers.map((worker) => worker.stop('SIGKILL')));
    await Promise.all(calls);
  });
});
