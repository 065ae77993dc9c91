import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { configJsonSchema } from '../../../src/config/json-schema.ts';

const schema = configJsonSchema() as unknown as Schema;

test('config.schema.json is what the schema of the worker says (if not: npm run schema)', () => {
  const written = readFileSync(new URL('../../../../config.schema.json', import.meta.url), 'utf8');
  assert.deepEqual(JSON.parse(written), schema);
});

test('every key of it has a description, and no object takes unknown keys', () => {
  const lacking: string[] = [];
  const look = ({ properties = {}, additionalProperties }: Schema, at: string): void => {
    if (Object.keys(properties).length > 0) assert.equal(additionalProperties, false, at);
    for (const [key, inner] of Object.entries(properties)) {
      if (!inner.description) lacking.push(`${at}${key}`);
      look(inner, `${at}${key}.`);
    }
  };
  look(schema, '');
  assert.deepEqual(lacking, []);
  assert.ok(Object.keys(schema.properties ?? {}).length > 30);
});

test('it tells defaults, and none that depends on the machine', () => {
  const { worker_port, worker_url, limits, mem_pool_mb } = schema.properties ?? {};
  assert.equal(worker_port?.default, 8080);
  assert.equal(worker_url?.default, 'localhost');
  assert.equal(limits?.properties?.mem_mb?.default, 50);
  assert.equal(mem_pool_mb?.default, undefined);
});

interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
}
