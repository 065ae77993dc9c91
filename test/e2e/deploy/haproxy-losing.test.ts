// Workers that are lost behind deploy/haproxy.cfg.
import { describe } from 'node:test';
import { needsRoot } from '../worker.ts';
import { needsPrograms, startHaproxy } from './balancer.ts';
import { losing } from './losing.ts';

describe('behind HAProxy', { ...needsPrograms('haproxy'), ...needsRoot }, () => {
  losing(startHaproxy);
});
