// Workers that are lost behind deploy/nginx.conf.
import { describe } from 'node:test';
import { needsRoot } from '../worker.ts';
import { needsPrograms, startNginx } from './balancer.ts';
import { losing } from './losing.ts';

describe('behind nginx', { ...needsPrograms('nginx'), ...needsRoot }, () => {
  losing(startNginx);
});
