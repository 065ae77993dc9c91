// Node, and the two native files that it loads: uWebSockets (or the node:http engine serves) and the addon (nothing runs without it).
// They are loaded in a child, since a binary that does not fit may end the process.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Finding, limited, missing, ok } from './finding.ts';
import type { Host } from './host.ts';

export function nodeChecks(host: Host): Finding[] {
  return [node(host), frontEnd(host), addon(host)];
}

/** The folder of package.json, seen from dist/src/cli/doctor/. */
const packageRoot = fileURLToPath(new URL('../../../../', import.meta.url));

function node(host: Host): Finding {
  const major = Number.parseInt(host.nodeVersion, 10);
  if (major < 20) return missing('node', host.nodeVersion, 'install Node 20 or newer');
  return ok('node', `${host.nodeVersion} (${process.arch}, ABI ${process.versions.modules})`);
}

function frontEnd(host: Host): Finding {
  const name = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  const file = packageFolders('uWebSockets.js')
    .flatMap((folder) => ['', 'bin', 'dist/bin'].map((sub) => path.join(folder, sub, name)))
    .find((candidate) => host.exists(candidate));
  const mend = 'run a Node version that the installed uWebSockets.js has a binary for; without it the slower node:http engine serves';
  if (file === undefined) return limited('front end', `node:http (no ${name})`, mend);
  const problem = loadProblem(host, file);
  return problem === undefined ? ok('front end', `uWebSockets (${name})`) : limited('front end', `node:http (${name}: ${problem})`, mend);
}

function addon(host: Host): Finding {
  const file = path.join(packageRoot, 'build/Release/sock.node');
  if (!host.exists(file)) {
    const mend = `the first start as root builds it (sudo ${path.join(packageRoot, 'bin/worker')}), in about a minute; so does npx node-gyp rebuild in ${packageRoot}`;
    return limited('addon', 'not built yet', mend);
  }
  const problem = loadProblem(host, file);
  return problem === undefined ? ok('addon', 'loads') : missing('addon', problem, `build it anew: npx node-gyp rebuild in ${packageRoot}`);
}

function packageFolders(name: string): string[] {
  const folders: string[] = [];
  for (let at = packageRoot; ; at = path.dirname(at)) {
    folders.push(path.join(at, 'node_modules', name));
    if (at === path.dirname(at)) return folders;
  }
}

function loadProblem(host: Host, file: string): string | undefined {
  const { status, stderr } = host.run([process.execPath, '-e', 'require(process.argv[1]); process.exit(0)', file]);
  if (status === 0) return undefined;
  return /^Error: (.*)$/m.exec(stderr)?.[1] ?? 'loading it ends the process';
}
