// s3:// registries, against a server that checks every signature.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { s3Remote } from '../../../../src/registry/http/s3.ts';
import { content, remoteRig } from './remote-rig.ts';
import { type S3Options, s3 } from './s3-server.ts';
import { type Files, type Site, site } from './site.ts';

const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalr/XUtn+FEMI', region: 'eu-central-1' };

function environment(endpoint: string, { accessKeyId, secretAccessKey, sessionToken, region }: Omit<S3Options, 'objects'> = keys) {
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region,
    AWS_ENDPOINT_URL: endpoint,
    ...(sessionToken !== undefined && { AWS_SESSION_TOKEN: sessionToken }),
  };
}

function server(t: TestContext, objects: Files, more: Partial<S3Options> = {}): Promise<Site> {
  return site(t, s3({ ...keys, objects, ...more }));
}

test('packages are objects below the prefix; what is unchanged is not sent again', async (t) => {
  const objects: Files = { '/code/some/prefix/x.py': 'one' };
  const own = await server(t, objects);
  const { registry } = remoteRig(t, s3Remote('s3://code/some/prefix', environment(own.url)));
  const one = await registry.resolve('x');
  assert.equal(content(one), 'one');
  assert.equal(await registry.resolve('x', one), one);
  assert.deepEqual(
    own.asked.map(({ path }) => path),
    ['/code/some/prefix/x.tar.gz', '/code/some/prefix/x.py', '/code/some/prefix/x.py'],
  );
  assert.ok(own.asked[2]?.headers['if-none-match'] !== undefined);
  objects['/code/some/prefix/x.py'] = 'two';
  assert.equal(content(await registry.resolve('x', one)), 'two');
  await assert.rejects(registry.resolve('y'), { code: 'lambda-unknown' });
});

test('names and prefixes of all harmless characters are signed as they are sent', async (t) => {
  const own = await server(t, { '/my.code/a%20b/%C3%A4%2B%27%28%2A%29%21~/x-1_2.3.py': 'one' });
  const { registry } = remoteRig(t, s3Remote("s3://my.code/a b/ä+'(*)!~/", environment(`${own.url}/`)));
  assert.equal(content(await registry.resolve('x-1_2.3')), 'one');
});

test('a session token goes along', async (t) => {
  const session = { ...keys, sessionToken: 'FwoGZXIvYXdzEXAMPLE//' };
  const own = await server(t, { '/code/x.py': 'one' }, session);
  const { registry } = remoteRig(t, s3Remote('s3://code', environment(own.url, session)));
  assert.equal(content(await registry.resolve('x')), 'one');
});

for (const wrong of [{ secretAccessKey: 'other' }, { accessKeyId: 'OTHER' }, { region: 'us-west-2' }, { sessionToken: 'other' }]) {
  test(`${JSON.stringify(wrong)} that the server does not know is told, with what to do`, async (t) => {
    const own = await server(t, { '/code/x.py': 'one' });
    const { registry } = remoteRig(t, s3Remote('s3://code', environment(own.url, { ...keys, ...wrong })));
    const region = wrong.region ?? keys.region;
    await assert.rejects(registry.resolve('x'), {
      code: 'registry-unavailable',
      detail: `it answered 403 (check the AWS_… variables of the worker's environment, and that they may s3:GetObject (region ${region}))`,
    });
  });
}

test('a bucket in another region is told by its name', async (t) => {
  const own = await site(t, (_, response) => response.writeHead(301, { 'x-amz-bucket-region': 'us-west-2' }).end());
  const { registry } = remoteRig(t, s3Remote('s3://code', environment(own.url)));
  await assert.rejects(registry.resolve('x'), { code: 'registry-unavailable', detail: /set AWS_REGION=us-west-2/ });
});

test('another host gets no signature', async (t) => {
  const other = await site(t, (_, response) => response.writeHead(404).end());
  const own = await site(t, (_, response) => response.writeHead(307, { location: `${other.url}/x` }).end());
  const { registry } = remoteRig(t, s3Remote('s3://code', environment(own.url, { ...keys, sessionToken: 'secret' })));
  await assert.rejects(registry.resolve('x'), { code: 'lambda-unknown' });
  for (const { headers } of other.asked) {
    assert.equal(headers.authorization ?? headers['x-amz-security-token'] ?? headers['x-amz-date'], undefined);
  }
  assert.equal(other.asked.length, 2);
});

for (const [location, more, base] of [
  ['s3://code', { AWS_REGION: 'eu-west-1' }, 'https://code.s3.eu-west-1.amazonaws.com/'],
  ['s3://code/a/b/', { AWS_DEFAULT_REGION: 'eu-west-1' }, 'https://code.s3.eu-west-1.amazonaws.com/a/b/'],
  ['s3://code//a', {}, 'https://code.s3.us-east-1.amazonaws.com/a/'],
  ['s3://my.code/a', {}, 'https://s3.us-east-1.amazonaws.com/my.code/a/'],
  ['s3://code', { AWS_REGION: 'cn-north-1' }, 'https://code.s3.cn-north-1.amazonaws.com.cn/'],
  ['s3://code/a', { AWS_ENDPOINT_URL: 'http://localhost:9000' }, 'http://localhost:9000/code/a/'],
  ['s3://code', { AWS_ENDPOINT_URL_S3: 'https://s3.example.org/v1/', AWS_ENDPOINT_URL: 'http://b' }, 'https://s3.example.org/v1/code/'],
] as const) {
  test(`${location} with ${JSON.stringify(more)} is ${base}`, () => {
    const remote = s3Remote(location, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', ...more });
    assert.equal(remote.base.href, base);
  });
}

test('without credentials, or with an endpoint that is none, it cannot be opened', () => {
  assert.throws(() => s3Remote('s3://code', { AWS_ACCESS_KEY_ID: 'a' }), {
    message:
      'open the registry "s3://code": AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not in the environment (a public bucket is read by its https:// URL)',
  });
  for (const endpoint of ['localhost:9000', 'ftp://a', 'https://me:secret@a', 'https://a?b']) {
    assert.throws(() => s3Remote('s3://code', environment(endpoint)), /^Error: read AWS_ENDPOINT_URL: expected a URL like/);
  }
});
