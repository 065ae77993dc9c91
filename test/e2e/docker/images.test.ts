// Lambdas that are images, and images that code packages run in: the engine pulls them from a real registry.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { needsRegistry, type RealRegistry, realRegistry } from '../images/real-registry.ts';
import { startWorker, suiteOwner, type Worker } from '../worker.ts';
import { type DockerEngine, dockerEngine, needsDocker, standby } from './engine.ts';
import { pythonRoot } from './python-root.ts';

const greet = `import os
def f(event):
  return {"hello": event.get("name"), "greeting": os.environ.get("GREETING"), "from": __file__, "data": os.access("/data", os.W_OK)}
`;
const where = 'import sys\ndef f(event):\n  return sys.executable\n';

describe('images on docker', { ...needsRegistry(), ...needsDocker }, () => {
  const owner = suiteOwner();
  let engine: DockerEngine;
  let registry: RealRegistry;
  const started = (config: object, lambdas = {}): Promise<Worker> =>
    startWorker(owner, {
      lambdas,
      config: {
        sandbox: 'docker',
        standbys: 0,
        max_standbys: 1,
        keep_warm_ms: 600_000,
        freeze_after_ms: 600_000,
        limits: { mem_mb: 100 },
        ...config,
      },
    });

  before(async () => {
    engine = await dockerEngine();
    registry = await realRegistry(owner);
    const root = pythonRoot(owner);
    mkdirSync(join(root, 'app'));
    writeFileSync(join(root, 'app/f.py'), greet);
    await engine.image(`${registry.host}/lambdas/greet`, 'latest', root, ['WORKDIR /app', 'ENV GREETING=good-day', 'VOLUME /data']);
    await engine.push(`${registry.host}/lambdas/greet`, 'latest');
    const empty = mkdtempSync(join(tmpdir(), 'empty-root-'));
    owner.after(async () => rmSync(empty, { recursive: true }));
    writeFileSync(join(empty, 'file'), '');
    await engine.image(`${registry.host}/lambdas/empty`, 'latest', empty, []);
    await engine.push(`${registry.host}/lambdas/empty`, 'latest');
  });

  test('a lambda that is an image with Python answers, from a container, from a standby, and warm', async () => {
    const worker = await started({ registry: `oci://${registry.host}/lambdas`, docker: { socket: engine.socket } });
    const first = await worker.call('greet', { name: 'a' });
    const said = { greeting: 'good-day', from: '/app/f.py', data: true };
    assert.deepEqual([first.status, first.headers['x-start-class'], first.json()], [200, 'spawned', { hello: 'a', ...said }]);
    assert.deepEqual((await worker.call('greet', { name: 'b' }, { start: 'warm' })).json(), { hello: 'b', ...said });
    await standby(worker);
    const third = await worker.call('greet', { name: 'c' }, { start: 'standby' });
    assert.deepEqual([third.status, third.headers['x-start-class'], third.json()], [200, 'standby', { hello: 'c', ...said }]);
  });

  test('an image without anything to run is told so', async () => {
    const worker = await started({ registry: `oci://${registry.host}/lambdas`, docker: { socket: engine.socket } });
    const answer = await worker.call('empty', {});
    assert.deepEqual([answer.status, answer.json<{ error: { code: string } }>().error.code], [500, 'code-invalid']);
    assert.match(answer.text, /no python3 with f\.py in \/handler or in its working directory/);
  });

  test('code packages run in docker.base_image, by its own Python; where it cannot be had, on the /usr of this machine', async () => {
    const there = await started({ docker: { socket: engine.socket, base_image: `${registry.host}/lambdas/greet` } }, { where });
    assert.equal((await there.call('where', {})).json(), '/usr/local/bin/python3');
    const absent = await started({ docker: { socket: engine.socket, base_image: `${registry.host}/lambdas/absent:1` } }, { where });
    assert.equal((await absent.call('where', {})).json(), '/usr/bin/python3');
    assert.ok(absent.log.some(({ msg }) => msg.includes('docker.base_image')));
  });
});
