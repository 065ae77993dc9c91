// Workers that are lost behind deploy/nginx.conf.
import { describe } from 'node:test';
import { needsRoot } from '../worker.ts';
import { needsPrograms, startNginx } from './balancer.ts';
import { losing } from './losing.ts';

describe('behind nginx', { ...needsPrograms('nginx'), ...needsRoot }, () => {
  losing(startNginx, 'a stopping worker refuses calls on connections that are open, and nginx knows of its stop only from such');
});
