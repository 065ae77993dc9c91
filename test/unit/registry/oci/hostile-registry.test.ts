// A registry that lies, is endless, or does not answer: refused with what is wrong, and nothing of it is left.
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { site } from '../http/site.ts';
import { bring, imagesRig } from './images-rig.ts';
import { json, type MadeImage, makeImage, makeIndex, sha256, types } from './made-image.ts';
import { cut, type RegistryServer, registryServer } from './registry-server.ts';

type Answer = (response: ServerResponse, request: IncomingMessage, image: MadeImage) => void;

/** Whoever asks for what `path` says gets `answer`. */
async function lying(t: TestContext, path: (image: MadeImage) => string, answer: Answer) {
  const server = await registryServer(t);
  const image = makeImage();
  server.put('a', 'latest', image);
  server.instead = (request, response, asked) => {
    const lies = asked.endsWith(path(image)) && request.method === 'GET';
    if (lies) answer(response, request, image);
    return lies;
  };
  return { server, image, rig: imagesRig(t, { silentMs: 200 }) };
}

const blob = ({ layers }: MadeImage): string => `/blobs/${sha256(layers[1] as Buffer)}`;
const config = (image: MadeImage): string => `/blobs/${sha256(image.config)}`;
const manifest = ({ digest }: MadeImage): string => `/manifests/${digest}`;
const endless: Answer = (response) => {
  response.writeHead(200);
  const more = (): void => {
    while (!response.destroyed && response.write(Buffer.alloc(1 << 16)));
  };
  response.on('drain', more);
  more();
};
const of = (layer: Buffer | undefined): number => layer?.length ?? 0;

const lies: readonly (readonly [says: string, path: (image: MadeImage) => string, answer: Answer, why: RegExp])[] = [
  ['another layer', blob, (response, _, { layers }) => response.end(Buffer.alloc(of(layers[1]))), /what came has the digest sha256:/],
  [
    'a longer layer',
    blob,
    (response, _, { layers }) => response.end(Buffer.alloc(of(layers[1]) + 1)),
    /which the registry wants to send|more than its \d+ bytes come/,
  ],
  [
    'a layer that says it is longer',
    blob,
    (response) => response.writeHead(200, { 'content-length': 1 << 30 }).flushHeaders(),
    /the registry wants to send "1073741824" from 0 on/,
  ],
  [
    'a shorter layer',
    blob,
    (response) => response.end(Buffer.alloc(1)),
    /the registry wants to send "1" from 0 on|1 of its \d+ bytes came/,
  ],
  ['an endless layer', blob, endless, /more than its \d+ bytes come/],
  [
    'a layer that never goes on',
    blob,
    (response, _, { layers }) => response.writeHead(200, { 'content-length': of(layers[1]) }).flushHeaders(),
    /Body Timeout.*after 3 attempts/,
  ],
  ['no answer at all', blob, () => {}, /Headers Timeout.*after 3 attempts/],
  [
    'a page',
    blob,
    (response) => response.writeHead(403, { 'content-type': 'text/html' }).end('<html>'),
    /the answer is 403; access is refused/,
  ],
  ['no layer', blob, (response) => response.writeHead(404).end(), /there is none/],
  ['another manifest', manifest, (response) => response.end(makeImage().manifest), /what came has the digest sha256:/],
  ['an endless manifest', manifest, endless, /more than 4194304 bytes come/],
  [
    'another configuration',
    config,
    (response, _, image) => response.end(Buffer.alloc(image.config.length)),
    /what came has the digest sha256:/,
  ],
  ['an endless configuration', config, endless, /more than \d+ bytes come/],
  ['a broken answer', manifest, (response) => response.socket?.end('nonsense\r\n\r\n'), /after 3 attempts/],
];
for (const [says, path, answer, why] of lies) {
  test(`a registry that gives ${says} is not believed`, async (t) => {
    const { server, image, rig } = await lying(t, path, answer);
    await assert.rejects(bring(rig, `${server.host}/a`), { at: 'unavailable', message: why });
    assert.deepEqual([rig.leftovers(), rig.layers.has(image.diffIds[1] ?? '')], [[], false]);
    server.instead = () => false;
    await bring(rig, `${server.host}/a`);
  });
}

const ranges: readonly (readonly [says: string, header: (size: number) => string | undefined])[] = [
  ['others', (size) => `bytes 0-${size - 1}/${size}`],
  ['of another blob', (size) => `bytes 10-${size}/${size + 1}`],
  ['that it does not name', () => undefined],
];
for (const [says, header] of ranges) {
  test(`a registry that was asked for the rest of a layer and gives bytes ${says} is not believed`, async (t) => {
    let times = 0;
    const { server, rig } = await lying(t, blob, (response, _, { layers }) => {
      const layer = layers[1] as Buffer;
      times += 1;
      if (times === 1) cut(response, layer, 10);
      else response.writeHead(206, rangeOf(header(layer.length))).end(layer.subarray(10));
    });
    await assert.rejects(bring(rig, `${server.host}/a`), {
      at: 'unavailable',
      message: /asked for the bytes from 10 of \d+ on, the registry sends/,
    });
    assert.deepEqual(rig.leftovers(), []);
  });
}

const rangeOf = (range: string | undefined) => (range === undefined ? {} : { 'content-range': range });

/** An image that is what its digest says, and no good. */
const images: readonly (readonly [says: string, make: () => MadeImage, why: RegExp])[] = [
  [
    'whose layer is not what its configuration says',
    () => {
      const [image, other] = [makeImage(), makeImage()];
      return repacked(
        image,
        [image.layers[0], other.layers[0]].map((layer) => layer as Buffer),
      );
    },
    /unpack sha256:.*: the digest of its tar is sha256:/,
  ],
  [
    'whose layer leaves its directory',
    () => makeImage({ layers: [[{ name: '../../x', content: '' }]] }),
    /unpack sha256:.* of .*: member "..\/..\/x"/,
  ],
  ['whose layer is no archive', () => repacked(makeImage({ layers: [[]] }), [gzipSync('nonsense'.repeat(1000))]), /unpack sha256:/],
  ['with a layer of an unknown type', () => withLayerType('application/x-virus'), /its layer sha256:.* is "application\/x-virus"$/],
  [
    'with a layer that its registry may not give away',
    () => withLayerType('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'),
    /may not give away/,
  ],
  ['that is larger than the store', () => withSizes(2 ** 40), /bytes, more than the 1073741824 that image_store_mb allows/],
  [
    'with a huge configuration',
    () => makeImage({ manifest: { config: { mediaType: types.oci.config, digest: sha256(json(0)), size: 2 ** 30 } } }),
    /the configuration .* has more than 4194304 bytes/,
  ],
];
for (const [says, make, why] of images) {
  test(`an image ${says} is refused`, async (t) => {
    const server = await registryServer(t);
    const rig = imagesRig(t);
    server.put('a', 'latest', make());
    await assert.rejects(bring(rig, `${server.host}/a`), { at: 'invalid', message: why });
    assert.deepEqual([rig.leftovers(), rig.images.here(`${server.host}/a:latest`)], [[], undefined]);
  });
}

function withLayerType(mediaType: string): MadeImage {
  const image = makeImage({ layers: [[]] });
  const fields = JSON.parse(image.manifest.toString());
  const manifest = json({ ...fields, layers: [{ ...fields.layers[0], mediaType }] });
  return { ...image, manifest, digest: sha256(manifest) };
}

function withSizes(size: number): MadeImage {
  const image = makeImage({ layers: [[]] });
  const fields = JSON.parse(image.manifest.toString());
  const manifest = json({ ...fields, layers: [{ ...fields.layers[0], size }] });
  return { ...image, manifest, digest: sha256(manifest) };
}

/** The same configuration over other blobs. */
function repacked(image: MadeImage, layers: readonly Buffer[]): MadeImage {
  const fields = JSON.parse(image.manifest.toString());
  const described = layers.map((layer) => ({ mediaType: types.oci.layer, digest: sha256(layer), size: layer.length }));
  const manifest = json({ ...fields, layers: described });
  const blobs = new Map([image.config, ...layers].map((part) => [sha256(part), part]));
  return { ...image, layers, manifest, digest: sha256(manifest), blobs };
}

test('an image that gives another image’s layer for its own does not spoil it', async (t) => {
  const server = await registryServer(t);
  const rig = imagesRig(t);
  const good = makeImage({ layers: [[{ name: 'good', content: 'good' }]] });
  const evil = repacked(good, [gzipSync('nonsense'.repeat(1000))]);
  server.put('good', 'latest', good);
  server.put('evil', 'latest', evil);
  let [evilAsked, goodAsked] = [(): void => {}, (): void => {}];
  const evilFirst = new Promise<void>((resolve) => (evilAsked = resolve));
  const goodNext = new Promise<void>((resolve) => (goodAsked = resolve));
  server.instead = (_, response, path) => {
    if (path === `/v2/good/blobs/${sha256(good.config)}`) {
      void evilFirst.then(() => response.end(good.config, goodAsked));
      return true;
    }
    if (path !== `/v2/evil/blobs/${sha256(evil.layers[0] as Buffer)}`) return false;
    evilAsked();
    void goodNext.then(() => setTimeout(() => response.end(evil.layers[0]), 50)); // whether good joins by then or not, it must come to the same
    return true;
  };
  const [one, two] = await Promise.allSettled([bring(rig, `${server.host}/evil`), bring(rig, `${server.host}/good`)]);
  assert.deepEqual([one.status, two.status], ['rejected', 'fulfilled']);
});

test('indexes within indexes come to an end', async (t) => {
  const server = await registryServer(t);
  let index = makeIndex([{ image: makeImage() }]);
  for (let depth = 0; depth < 5; depth++) {
    server.put('a', 'part', { manifest: index, blobs: new Map() });
    index = makeIndex([{ image: { manifest: index, digest: sha256(index) }, type: types.oci.index }]);
  }
  server.put('a', 'latest', { manifest: index, blobs: new Map() });
  await assert.rejects(bring(imagesRig(t), `${server.host}/a`), { at: 'invalid', message: /indexes in indexes, more than 4 deep/ });
});

test('a tag whose digest is nonsense is not looked for', async (t) => {
  const server = await registryServer(t);
  server.instead = (_, response) => {
    response.writeHead(200, { 'docker-content-digest': 'sha256:../../etc/passwd' }).end();
    return true;
  };
  await assert.rejects(bring(imagesRig(t), `${server.host}/a`), {
    at: 'unavailable',
    message: /the registry says its digest is "sha256:..\/.."?/,
  });
});

test('redirects are followed, a few of them', async (t) => {
  const server = await registryServer(t);
  const rig = imagesRig(t);
  const image = makeImage();
  server.put('a', 'latest', image);
  const store = await site(t, (request, response) => response.end(image.blobs.get(`sha256:${request.url?.slice(1)}`)));
  server.instead = (_, response, path) => {
    const hex = /\/blobs\/sha256:(.*)$/.exec(path)?.[1];
    if (hex !== undefined) response.writeHead(307, { location: `${store.url}/${hex}` }).end();
    return hex !== undefined;
  };
  await bring(rig, `${server.host}/a`);
  assert.equal(store.asked.length, 3);
  server.instead = (request, response) => {
    response.writeHead(302, { location: request.url ?? '' }).end('x'.repeat(1000));
    return true;
  };
  await assert.rejects(bring(rig, `${server.host}/a`), { at: 'unavailable', message: /more than 5 redirects/ });
  for (const location of ['ftp://127.0.0.1/', 'file:///etc/passwd', 'http://registry.example.org/', 'https://[/']) {
    server.instead = (_, response) => {
      response.writeHead(302, { location }).end();
      return true;
    };
    await assert.rejects(bring(rig, `${server.host}/a`), { at: 'unavailable', message: /it is not https|where it cannot go/ });
  }
});

test('a registry elsewhere is asked with TLS only, unless it is listed', async (t) => {
  const ask = (insecure: readonly string[]) =>
    bring(imagesRig(t, { insecure, retrying: { attempts: 1, firstMs: 1 } }), 'registry.invalid:80/a');
  await assert.rejects(ask([]), { at: 'unavailable', message: /^HEAD https:/ });
});

test('a registry that is down is told, after some attempts', async (t) => {
  const server: RegistryServer = await registryServer(t);
  await server.close();
  await assert.rejects(bring(imagesRig(t), `${server.host}/a`), { at: 'unavailable', message: /ECONNREFUSED.*\(after 3 attempts\)$/ });
});
