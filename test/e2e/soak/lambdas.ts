// The lambdas of the soak. Each of them says the id of the request that it answers.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { streamed } from '../lambdas.ts';

/** Files of a lambda's directory. */
type Files = Readonly<Record<string, string>>;

const echo = 'def f(event):\n  return {"id": event["id"]}\n';

/** Called so rarely, each, that it is cold again. */
export const cold = Array.from({ length: 24 }, (_, n) => `cold-${n}`);

/** Together they take all the room that there is. */
export const hogs = ['hog-0', 'hog-1', 'hog-2'];

/** Says the id, then sends for ever. */
const flood = `def f(event, context):
  def chunks():
    yield event["id"] + "\\n"
    while True: yield bytes(65536)
  return context.response(chunks())
`;

export const version = (n: number): string => `def f(event):\n  return {"id": event["id"], "version": ${n}}\n`;

const lambdas: Readonly<Record<string, Files>> = {
  warm: { 'f.py': echo },
  ...Object.fromEntries(cold.map((name, n) => [name, { 'f.py': `${echo}# ${n}\n` }])),
  once: { 'f.py': echo, 'ol.yaml': 'reuse-sandbox: false\n' },
  several: {
    'f.py': 'import asyncio\nasync def f(event):\n  await asyncio.sleep(0.005)\n  return {"id": event["id"]}\n',
    'ol.yaml': 'concurrency: 4\n',
  },
  node: { 'index.mjs': 'export const handler = async (event) => ({ id: event.id });\n' },
  native: { 'f.bin': '#!/bin/sh\nexec cat > /tmp/output\n' },
  renamed: { 'f.py': version(0) },
  raises: { 'f.py': 'def f(event):\n  raise ValueError(event["id"])\n' },
  exits: { 'f.py': 'import os\ndef f(event):\n  os._exit(3)\n' },
  crashes: { 'f.py': 'import ctypes\ndef f(event):\n  ctypes.string_at(0)\n' },
  // Found by this file and killed from outside, while it sleeps.
  victim: { 'f.py': 'import time\ndef f(event):\n  time.sleep(0.3)\n  return {"id": event["id"]}\n', victim: '' },
  late: { 'f.py': 'def f(event):\n  while True: pass\n', 'ol.yaml': 'limits: {runtime_sec: 0.3}\n' },
  slow: { 'f.py': 'import time\ndef f(event):\n  time.sleep(0.05)\n  return {"id": event["id"]}\n' },
  ...Object.fromEntries(
    hogs.map((name) => [name, { 'f.py': 'import time\ndef f(event):\n  time.sleep(0.2)\n  return {"id": event["id"]}\n' }]),
  ),
  unqueued: { 'f.py': echo, 'ol.yaml': 'limits: {queue: 0}\n' },
  tight: {
    'f.py': 'import time\ndef f(event):\n  time.sleep(0.02)\n  return {"id": event["id"]}\n',
    'ol.yaml': 'instances: {max: 1}\nlimits: {queue: 3}\n',
  },
  large: { 'f.py': 'def f(event):\n  return {"id": event["id"], "text": "x" * 2_000_000}\n' },
  // The first bytes of the body name it.
  stream: { 'f.py': streamed },
  flood: { 'f.py': flood },
};

/** Puts them into the registry; how many they are. */
export function install(registry: string): number {
  for (const [name, files] of Object.entries(lambdas))
    for (const [file, text] of Object.entries(files)) {
      const path = join(registry, name, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { mode: file === 'f.bin' ? 0o755 : 0o644 });
    }
  return Object.keys(lambdas).length;
}
