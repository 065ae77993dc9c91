// Who this node is to a registry: by name and password, by a token, by a token server.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type Site, site } from '../http/site.ts';
import { scratch } from '../rig.ts';
import { bring, imagesRig } from './images-rig.ts';
import { makeImage } from './made-image.ts';
import { type RegistryServer, registryServer } from './registry-server.ts';

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;

/** A registry with the image `a`, for those who send `authorization`. */
async function guarded(
  t: TestContext,
  challenge: (server: RegistryServer) => string,
  authorization: (now: string | undefined) => boolean,
): Promise<RegistryServer> {
  const server = await registryServer(t);
  server.put('a', 'latest', makeImage());
  server.instead = (request, response) => {
    const refused = !authorization(request.headers.authorization);
    if (refused)
      response
        .writeHead(401, { 'www-authenticate': challenge(server) })
        .end('{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}');
    return refused;
  };
  return server;
}

interface TokenServer extends Site {
  /** Authorization and query (or form) of each question. */
  readonly questions: (readonly [string | undefined, string])[];
}

async function tokenServer(t: TestContext, answer: (n: number) => object | string): Promise<TokenServer> {
  const questions: TokenServer['questions'] = [];
  const own = await site(t, async (request: IncomingMessage, response: ServerResponse) => {
    const form = (await buffer(request)).toString();
    questions.push([request.headers.authorization, form || (request.url ?? '').replace(/^.*\?/, '')]);
    const said = answer(questions.length);
    response.end(typeof said === 'string' ? said : JSON.stringify(said));
  });
  return Object.assign(own, { questions });
}

test('by name and password', async (t) => {
  const server = await guarded(
    t,
    () => 'Basic realm="x"',
    (now) => now === basic('me:pa:ss'),
  );
  await bring(imagesRig(t, { registryAuth: { [server.host]: { username: 'me', password: 'pa:ss' } } }), `${server.host}/a`);
  const once = server.asked.filter(({ headers }) => headers.authorization === undefined);
  assert.equal(once.length, 1, 'only the first question goes without, to learn what is wanted');
});

test('by what docker login has left', async (t) => {
  const server = await guarded(
    t,
    () => 'Basic realm="x"',
    (now) => now === basic('me:pass'),
  );
  const dockerConfig = join(scratch(t), 'config.json');
  writeFileSync(dockerConfig, JSON.stringify({ auths: { [server.host]: { auth: Buffer.from('me:pass').toString('base64') } } }));
  await bring(imagesRig(t, { dockerConfig }), `${server.host}/a`);
});

test('by a token of the config', async (t) => {
  const server = await guarded(
    t,
    () => 'Bearer realm="https://elsewhere.invalid/"',
    (now) => now === 'Bearer secret',
  );
  await bring(imagesRig(t, { registryAuth: { [server.host]: { token: 'secret' } } }), `${server.host}/a`);
});

for (const [says, registryAuth, sent] of [
  ['anonymously', undefined, undefined],
  ['with name and password', { username: 'me', password: 'pass' }, basic('me:pass')],
] as const) {
  test(`by a token that a token server gives, ${says}: once, while it lasts`, async (t) => {
    const tokens = await tokenServer(t, (n) => ({ token: `t${n}`, expires_in: 300 }));
    const server = await guarded(
      t,
      () => `Bearer realm="${tokens.url}/token",service="my registry",scope="repository:a:pull"`,
      (now) => now === 'Bearer t1',
    );
    await bring(imagesRig(t, { registryAuth: registryAuth === undefined ? {} : { [server.host]: registryAuth } }), `${server.host}/a`);
    assert.deepEqual(tokens.questions, [[sent, 'service=my+registry&scope=repository%3Aa%3Apull']]);
  });
}

test('by an identity token, which only the token server gets to see', async (t) => {
  const tokens = await tokenServer(t, () => ({ access_token: 'short', expires_in: 300 }));
  const server = await guarded(
    t,
    () => `Bearer realm="${tokens.url}",service=s`,
    (now) => now === 'Bearer short',
  );
  const dockerConfig = join(scratch(t), 'config.json');
  writeFileSync(dockerConfig, JSON.stringify({ auths: { [server.host]: { identitytoken: 'long' } } }));
  await bring(imagesRig(t, { dockerConfig }), `${server.host}/a`);
  const [[authorization, form] = []] = tokens.questions;
  assert.equal(authorization, undefined);
  assert.deepEqual(Object.fromEntries(new URLSearchParams(form)), {
    grant_type: 'refresh_token',
    refresh_token: 'long',
    client_id: 'sock-worker',
    service: 's',
    scope: 'repository:a:pull',
  });
  assert.ok(server.asked.every(({ headers }) => !headers.authorization?.includes('long')));
});

test('a token that ends in the middle of a pull is asked for again', async (t) => {
  const tokens = await tokenServer(t, (n) => ({ token: `t${n}` }));
  let uses = 0;
  const server = await guarded(
    t,
    () => `Bearer realm="${tokens.url}"`,
    (now) => {
      if (now !== `Bearer t${tokens.questions.length}`) return false;
      uses += 1;
      return uses % 3 !== 0;
    },
  );
  await bring(imagesRig(t), `${server.host}/a`);
  assert.ok(tokens.questions.length > 1);
});

test('credentials go to nobody to whom they do not belong, wherever the registry sends one', async (t) => {
  const secret = basic('me:pass');
  const seen: (string | undefined)[] = [];
  const other = await site(t, (request, response) => {
    seen.push(request.headers.authorization);
    if (request.url === '/back') response.writeHead(307, { location: `${server.url}/v2/a/manifests/latest` }).end();
    else response.writeHead(404).end();
  });
  const server: RegistryServer = await guarded(
    t,
    () => 'Basic realm="x"',
    (now) => now === secret,
  );
  const registryAuth = { [server.host]: { username: 'me', password: 'pass' } };
  const guard = server.instead;
  for (const path of ['/there', '/back']) {
    server.instead = (request, response, asked) => {
      if (request.headers.authorization !== secret || request.method !== 'GET') return guard(request, response, asked);
      response.writeHead(307, { location: `${other.url}${path}` }).end();
      return true;
    };
    await assert.rejects(bring(imagesRig(t, { registryAuth }), `${server.host}/a`), { at: 'unavailable' });
  }
  assert.deepEqual(seen, [undefined, undefined]);
});

test('an image of another host does not get the credentials of this one', async (t) => {
  const server = await guarded(
    t,
    () => 'Basic realm="x"',
    () => false,
  );
  const rig = imagesRig(t, { registryAuth: { 'localhost:1': { username: 'me', password: 'pass' }, '127.0.0.2': { token: 'secret' } } });
  await assert.rejects(bring(rig, `${server.host}/a`), { at: 'unavailable' });
  assert.ok(server.asked.every(({ headers }) => headers.authorization === undefined));
});

test('who is refused is told so, and what to do; once, and without the password', async (t) => {
  const server = await guarded(
    t,
    () => 'Basic realm="x"',
    () => false,
  );
  const rig = imagesRig(t, { registryAuth: { [server.host]: { username: 'me', password: 'hunter2' } } });
  await assert.rejects(bring(rig, `${server.host}/a`), ({ at, message }: { at: string; message: string }) => {
    assert.deepEqual([at, /hunter2|aHVudGVyMg/.test(message)], ['unavailable', false]);
    assert.match(message, /the answer is 401; access is refused \(registry_auth in the config, or docker login/);
    return true;
  });
  assert.equal(server.asked.length, 2);
});

const noTokens: readonly (readonly [says: string, answer: object | string, why: RegExp])[] = [
  ['no JSON', '<html>', /the answer is no JSON$/],
  ['no token', {}, /there is none in the answer$/],
  ['a token that would be a header of its own', { token: 'x\r\nHost: y' }, /there is none in the answer$/],
  ['an endless token', { token: 'x'.repeat(2 << 20) }, /more than 1048576 bytes come$/],
];
for (const [says, answer, why] of noTokens) {
  test(`a token server that gives ${says} is told`, async (t) => {
    const tokens = await tokenServer(t, () => answer);
    const server = await guarded(
      t,
      () => `Bearer realm="${tokens.url}"`,
      () => false,
    );
    await assert.rejects(bring(imagesRig(t), `${server.host}/a`), { at: 'unavailable', message: why });
  });
}

test('a token server elsewhere gets no password without TLS', async (t) => {
  const server = await guarded(
    t,
    () => 'Bearer realm="http://token.example.org/"',
    () => false,
  );
  const rig = imagesRig(t, { registryAuth: { [server.host]: { username: 'me', password: 'pass' } } });
  await assert.rejects(bring(rig, `${server.host}/a`), { at: 'unavailable', message: /"http:\/\/token\.example\.org": it is not https/ });
});
