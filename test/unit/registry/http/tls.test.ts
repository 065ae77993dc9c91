// https:// registries: real certificates, made by openssl.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpRemote } from '../../../../src/registry/http/remote.ts';
import { certificate } from './certificate.ts';
import { content, remoteRig } from './remote-rig.ts';
import { serving, site } from './site.ts';

test('a certificate that nobody vouches for is refused, at once; with registry_ca it is good, and for its own name only', async (t) => {
  const tls = certificate(t);
  const server = await site(t, serving({ '/x.py': 'one' }), tls);
  const untrusting = remoteRig(t, server.url);
  await assert.rejects(untrusting.registry.resolve('x'), {
    code: 'registry-unavailable',
    detail: 'its TLS certificate cannot be verified (DEPTH_ZERO_SELF_SIGNED_CERT; registry_ca names a file with the CA)',
  });
  assert.equal(server.asked.length, 0);
  const trusting = remoteRig(t, server.url, { ca: tls.cert });
  assert.equal(content(await trusting.registry.resolve('x')), 'one');
  const misnamed = remoteRig(t, server.url.replace('localhost', 'localhost.localdomain'), { ca: tls.cert });
  await assert.rejects(misnamed.registry.resolve('x'), { code: 'registry-unavailable' });
  const { port } = new URL(server.url);
  for (const host of ['127.0.0.1', '[::1]']) {
    const byAddress = remoteRig(t, `https://${host}:${port}`, { ca: tls.cert, times: { attempts: 1 } });
    await assert.rejects(byAddress.registry.resolve('x'), { detail: /ERR_TLS_CERT_ALTNAME_INVALID|nothing listens there/ });
  }
});

test('http:// may lead to https://, with no credentials; from https:// nothing leads to http://', async (t) => {
  const tls = certificate(t);
  const secure = await site(t, serving({ '/x.tar.gz': 'unused', '/x.py': 'one' }), tls);
  const plain = await site(t, ({ url }, response) =>
    url === '/x.py' ? response.writeHead(301, { location: `${secure.url}/x.py` }).end() : response.writeHead(404).end(),
  );
  const auth = { '127.0.0.1': { token: 'secret' }, localhost: { token: 'secret' } };
  const up = remoteRig(t, httpRemote(plain.url, auth), { ca: tls.cert });
  assert.equal(content(await up.registry.resolve('x')), 'one');
  assert.deepEqual([plain.asked[1]?.headers.authorization, secure.asked[0]?.headers.authorization], ['Bearer secret', undefined]);
  const before = plain.asked.length;
  secure.answer = (_, response) => response.writeHead(301, { location: `${plain.url}/x.py` }).end();
  const down = remoteRig(t, httpRemote(secure.url, auth), { ca: tls.cert });
  await assert.rejects(down.registry.resolve('x'), { code: 'registry-unavailable', detail: /^it redirects from https to http/ });
  assert.equal(plain.asked.length, before);
});

test('a server that speaks no TLS', async (t) => {
  const plain = await site(t, serving({}));
  const { registry } = remoteRig(t, plain.url.replace('http:', 'https:'));
  await assert.rejects(registry.resolve('x'), { code: 'registry-unavailable', detail: /^it does not speak TLS as it should/ });
});
