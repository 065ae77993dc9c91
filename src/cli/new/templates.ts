// The files of a new lambda, by runtime. Each greets whoever the event names, so that one call shows all of it: event, log, reply.
import type { Runtime } from './runtimes.ts';

export interface TemplateFile {
  readonly file: string;
  readonly mode?: number;
  readonly text: string;
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

export const templates: Readonly<Record<Runtime, readonly TemplateFile[]>> = {
  python: [
    {
      file: 'f.py',
      text: `import os


def f(event):
    """event: the JSON body of the request. What is returned is the reply, as JSON."""
    name = event.get("name", "world")
    print("greeting", name)  # in the lambda's log
    return {"message": f"{os.environ.get('GREETING', 'Hello')}, {name}!"}
`,
    },
    settings,
  ],
  node: [
    {
      file: 'index.mjs',
      text: `/** event: the JSON body of the request. What is returned is the reply, as JSON. */
export async function handler(event) {
  const name = event.name ?? "world";
  console.log("greeting", name); // in the lambda's log
  return { message: \`\${process.env.GREETING ?? "Hello"}, \${name}!\` };
}
`,
    },
    settings,
  ],
  native: [
    {
      file: 'f.bin',
      mode: 0o755,
      text: `#!/bin/sh
# Any executable: put a compiled program in place of this script. The body of the request is on stdin (and in "$1"); the reply is what is written
# to /tmp/output. Exit code 0 is success; stdout and stderr are the lambda's log.
name=$(sed -n 's/.*"name" *: *"\\([^"\\\\]*\\)".*/\\1/p')
echo "greeting \${name:-world}"
printf '{"message": "%s, %s!"}\\n' "\${GREETING:-Hello}" "\${name:-world}" > /tmp/output
`,
    },
    settings,
  ],
};
