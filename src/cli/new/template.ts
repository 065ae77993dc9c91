// The files of a new lambda: those of src/runtime/<language>/template, which greet whoever the event names, so that one call shows all of it
// (event, log, reply), and settings.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Language } from '../../runtime/languages.ts';
import { packageRoot } from '../../sandbox/sock/native.ts';

export interface TemplateFile {
  readonly file: string;
  readonly mode?: number;
  readonly text: string;
}

export function template(language: Language): readonly TemplateFile[] {
  const dir = join(packageRoot(), 'src/runtime', language, 'template');
  const files = readdirSync(dir).map((file) => {
    const path = join(dir, file);
    return { file, mode: statSync(path).mode & 0o777, text: readFileSync(path, 'utf8') };
  });
  return [...files, settings];
}

const settings: TemplateFile = {
  file: 'ol.yaml',
  text: `# Settings of this lambda; all of them may be left out.
triggers:
  http:
    - method: "*"       # or POST, GET …
environment:
  GREETING: Hello
# limits:               # at most what the worker's config allows
#   mem_mb: 50
#   runtime_sec: 30
# reuse-sandbox: true   # false: a new sandbox for each call
`,
};
