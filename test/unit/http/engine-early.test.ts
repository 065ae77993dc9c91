// Bodies that begin before they are there.
import assert from 'node:assert/strict';
import type { Handler } from '../../../src/http/engine.ts';
import { chunk, later, never, onBoth, raw, request } from './serving.ts';

const chunked = { 'transfer-encoding': 'chunked' };

/** Sends back each piece of the body as it comes, if it may begin early. */
const echo =
  (early: () => boolean): Handler =>
  (exchange) =>
    exchange.readBody({
      limit: 1000,
      enough: 500,
      early,
      begin: ({ first, rest }) => {
        exchange.begin(200, [], undefined);
        exchange.write(Buffer.from(`<begun with ${first}>`));
        rest?.read((bytes, last) => {
          exchange.write(Buffer.from(`<${bytes}>`));
          if (last) exchange.end();
        });
        if (rest === undefined) exchange.end();
      },
      refused: never,
    });

onBoth('whoever may begin early is given each piece as it comes', async (t, { serve }) => {
  const { port } = await serve(echo(() => true));
  const client = await raw(t, port);
  client.send(request('POST', '/', chunked), chunk('one'));
  await client.until('<begun with one>');
  client.send(chunk('two'));
  await client.until('<two>');
  client.send(chunk(''));
  await client.until('\r\n0\r\n\r\n');
});

onBoth('it may also begin with nothing', async (t, { serve }) => {
  const { port } = await serve(echo(() => true));
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'content-length': 3 }));
  await client.until('<begun with >');
  client.send('one');
  await client.until('<one>');
});

onBoth('who may not is given all of it or enough, and asked no second time', async (t, { serve }) => {
  let asked = 0;
  const once = later<void>();
  const { port } = await serve(
    echo(() => {
      asked++;
      once.resolve();
      return false;
    }),
  );
  const client = await raw(t, port);
  client.send(request('POST', '/', chunked), chunk('one'));
  await once.value;
  client.send(chunk(' two'), chunk(''));
  assert.match(await client.until('\r\n0\r\n\r\n'), /<begun with one two>/);
  assert.equal(asked, 1);
});

onBoth('who comes with its whole body is not asked about', async (_, { serve }) => {
  const { url } = await serve(echo(() => assert.fail('asked')));
  for (let i = 0; i < 100; i++) assert.equal(await (await fetch(url, { method: 'POST', body: 'all' })).text(), '<begun with all>');
});

onBoth('what is thrown when it begins early is told, and answered', async (t, { serve }) => {
  const { port, faults } = await serve((exchange) =>
    exchange.readBody({
      limit: 10,
      enough: 10,
      early: () => true,
      begin: () => {
        throw new Error('of the beginning');
      },
      refused: never,
    }),
  );
  const client = await raw(t, port);
  client.send(request('POST', '/', { 'content-length': 2 }), '1');
  await client.until(/^HTTP\/1\.1 500 /);
  assert.deepEqual(faults, [new Error('of the beginning')]);
});
