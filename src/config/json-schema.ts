// The JSON Schema of config.json, for editors: made from the schema that the worker itself reads with. config.schema.json holds it.
import { z } from 'zod';
import { file } from './schema.ts';

export function configJsonSchema(): Readonly<Record<string, unknown>> {
  return { title: 'config.json of sock-worker', ...z.toJSONSchema(file, { io: 'input' }) };
}
