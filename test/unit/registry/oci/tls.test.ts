// Registries with TLS, and where a server may send one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayLead } from '../../../../src/registry/oci/transport.ts';
import { certificate } from '../http/certificate.ts';
import { site } from '../http/site.ts';
import { bring, imagesRig } from './images-rig.ts';
import { makeImage } from './made-image.ts';
import { registryServer } from './registry-server.ts';

test('a certificate that nobody vouches for is refused, at once; with registry_ca it is good', async (t) => {
  const tls = certificate(t);
  const server = await registryServer(t, tls);
  server.put('a', 'latest', makeImage());
  await assert.rejects(bring(imagesRig(t), `${server.host}/a`), { at: 'unavailable', message: /self-signed certificate$/ });
  assert.equal(server.questions.length, 0);
  await bring(imagesRig(t, { ca: tls.cert }), `${server.host}/a`);
});

test('from a registry with TLS nothing leads to where there is none', async (t) => {
  const tls = certificate(t);
  const plain = await site(t, (_, response) => response.end());
  const server = await registryServer(t, tls);
  const rig = imagesRig(t, { ca: tls.cert, registryAuth: { [server.host]: { username: 'me', password: 'pass' } } });
  server.instead = (_, response) => {
    response.writeHead(302, { location: plain.url }).end();
    return true;
  };
  await assert.rejects(bring(rig, `${server.host}/a`), { at: 'unavailable', message: /where it cannot go$/ });
  server.instead = (_, response) => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${plain.url}"` }).end();
    return true;
  };
  await assert.rejects(bring(rig, `${server.host}/a`), { at: 'unavailable', message: /as its token server, where it cannot send one$/ });
  assert.equal(plain.asked.length, 0);
});

const ways: readonly (readonly [from: string, to: string, may: boolean])[] = [
  ['https://h.io/', 'https://blobs.io/', true],
  ['https://h.io/', 'http://h.io/', false],
  ['http://h.lan:5000/', 'https://h.io/', true],
  ['http://h.lan:5000/', 'http://h.lan:5001/', true],
  ['https://h.io/', 'https://localhost/', false],
  ['https://h.io/', 'https://127.0.0.2:8080/status', false],
  ['http://h.lan/', 'http://[::1]:8080/', false],
  ['http://h.lan/', 'http://x.localhost/', false],
  ['https://h.io/', 'https://0x7f.1/', false],
  ['http://h.lan/', 'http://[::ffff:127.0.0.1]/', false],
  ['http://h.lan/', 'http://0/', false],
  ['http://h.lan/', 'http://mylocalhost/', true],
  ['http://127.0.0.1:5000/', 'http://localhost:6000/', true],
];
for (const [from, to, may] of ways) {
  test(`${from} may${may ? '' : ' not'} lead to ${to}`, () => assert.equal(mayLead(new URL(from), new URL(to)), may));
}
