// `npm run schema`: writes config.schema.json, at the top of the package.
import { writeFileSync } from 'node:fs';
import { configJsonSchema } from './json-schema.ts';

writeFileSync(new URL('../../../config.schema.json', import.meta.url), `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
