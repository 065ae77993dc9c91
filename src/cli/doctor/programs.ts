// Programs outside of node: the interpreter of the lambdas, the compiler of the addon.
import { type Finding, limited, missing, ok } from './finding.ts';
import type { Host } from './host.ts';

export function programChecks(host: Host): Finding[] {
  return [python(host), compiler(host)];
}

const pythonPath = '/usr/bin/python3';

function python(host: Host): Finding {
  const { status, stdout } = host.run([pythonPath, '--version']);
  const mend = 'apt-get install python3 (3.9 or newer; lambdas run with the one under /usr, which their sandboxes see)';
  if (status !== 0) return missing('python', `no ${pythonPath}`, mend);
  const [found = '', major = '0', minor = '0'] = /(\d+)\.(\d+)\S*/.exec(stdout) ?? [];
  return Number(major) * 100 + Number(minor) >= 309
    ? ok('python', `${pythonPath} ${found}`)
    : missing('python', `${pythonPath} ${found}`, mend);
}

function compiler(host: Host): Finding {
  const lacking = ['c++', 'make'].filter((program) => host.run([program, '--version']).status !== 0);
  return lacking.length === 0
    ? ok('compiler', host.run(['c++', '--version']).stdout.split('\n')[0] ?? 'c++')
    : limited('compiler', `no ${lacking.join(', ')}`, 'apt-get install build-essential; needed only to build the native addon');
}
