import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine, EngineGone, EngineRefused } from '../../../../src/sandbox/docker/engine.ts';
import { type Credentials, Images, split } from '../../../../src/sandbox/docker/images.ts';
import { fakeEngine } from './fake-engine.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const names: readonly (readonly [reference: string, name: string, tag: string, host: string])[] = [
  ['python', 'python', 'latest', 'docker.io'],
  ['python:3.12-slim', 'python', '3.12-slim', 'docker.io'],
  ['team/app:1', 'team/app', '1', 'docker.io'],
  ['localhost:5000/app', 'localhost:5000/app', 'latest', 'localhost:5000'],
  ['registry.example.org/team/app:1.2', 'registry.example.org/team/app', '1.2', 'registry.example.org'],
  [`localhost:5000/app@${digest}`, 'localhost:5000/app', digest, 'localhost:5000'],
];
for (const [reference, name, tag, host] of names) {
  test(`${reference} is pulled as one image, never as all of its tags`, () => {
    assert.deepEqual(split(reference), { name, tag, host });
  });
}

const logins: readonly (readonly [Credentials, object])[] = [
  [
    { username: 'ann', password: 'p' },
    { username: 'ann', password: 'p' },
  ],
  [{ token: 't' }, { registrytoken: 't' }],
  [{ identityToken: 'i' }, { identitytoken: 'i' }],
];
for (const [credentials, sent] of logins) {
  test(`an image that is not there is pulled once however many ask, as ${JSON.stringify(sent)}`, async (t) => {
    let pulled = 0;
    const engine = await fakeEngine(t, (asked, answer) => {
      if (asked.method === 'GET')
        answer(pulled === 0 ? 404 : 200, pulled === 0 ? { message: 'no such image' } : { Config: { Volumes: { '/data': {} } } });
      else {
        pulled++;
        const auth = JSON.parse(Buffer.from(`${asked.headers['x-registry-auth']}`, 'base64url').toString());
        assert.deepEqual(auth, { ...sent, serveraddress: 'registry.example.org' });
        assert.equal(asked.url, '/images/create?fromImage=registry.example.org%2Fapp&tag=1');
        answer(200, { status: 'Pulling' }, { status: 'done' });
      }
    });
    const images = new Images(engine, (host) => (host === 'registry.example.org' ? credentials : undefined));
    const [one, other] = await Promise.all([images.present('registry.example.org/app:1'), images.present('registry.example.org/app:1')]);
    assert.deepEqual([one.volumes, other.volumes, pulled], [['/data'], ['/data'], 1]);
  });
}

test('a pull that fails in the middle is told in the words of the engine, and tried again', async (t) => {
  let pulls = 0;
  const engine = await fakeEngine(t, (asked, answer) => {
    if (asked.method === 'GET') answer(pulls < 2 ? 404 : 200, pulls < 2 ? { message: 'no such image' } : {});
    else if (++pulls === 1) answer(200, { status: 'Pulling' }, { error: 'manifest unknown' });
    else answer(200, { status: 'done' });
  });
  const images = new Images(engine, () => undefined);
  await assert.rejects(
    images.present('app:1'),
    (error: Error) => error instanceof EngineRefused && /pull the image app:1: manifest unknown/.test(error.message),
  );
  assert.deepEqual((await images.present('app:1')).volumes, []);
});

test('an engine that is not there is told with its socket and what to do', async () => {
  const engine = await Engine.open('/no/such/docker.sock');
  await assert.rejects(
    engine.call('GET', '/info', { attempt: 'begin' }),
    (error: Error) =>
      error instanceof EngineGone &&
      /begin with the Docker Engine at \/no\/such\/docker\.sock: there is no such socket.*docker\.socket/.test(error.message),
  );
  await engine.close();
});
