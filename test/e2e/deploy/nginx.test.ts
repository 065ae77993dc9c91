// deploy/nginx.conf as it is shipped.
import { describe } from 'node:test';
import { needsRoot } from '../worker.ts';
import { needsPrograms, startNginx } from './balancer.ts';
import { behind } from './behind.ts';
import { passing } from './passing.ts';

describe('behind nginx', { ...needsPrograms('nginx'), ...needsRoot }, () => {
  behind(startNginx);
  passing(startNginx);
});
