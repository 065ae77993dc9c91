// All tables of attempts, each by a lambda of its own in every language, on one worker.
import { before, describe } from 'node:test';
import { needsRoot, startWorker, suiteOwner, type Worker } from '../worker.ts';
import { source, type Table, table } from './attempts.ts';
import { addAttacker, otherLanguages } from './languages.ts';
import { files } from './tables/files.ts';
import { kernel } from './tables/kernel.ts';
import { namespaces } from './tables/namespaces.ts';
import { network, ownNetwork } from './tables/network.ts';
import { privileges } from './tables/privileges.ts';
import { processes } from './tables/processes.ts';

const tables: readonly Table[] = [files, kernel, namespaces, network, ownNetwork, privileges, processes];

describe('code inside a lambda', needsRoot, () => {
  const owner = suiteOwner();
  let worker: Worker;
  before(async () => {
    const lambdas = Object.fromEntries(tables.map(({ group }) => [group, source(group)]));
    worker = await startWorker(owner, { lambdas, config: { limits: { runtime_sec: 120, procs: 20 } } });
    for (const [group, python] of Object.entries(lambdas))
      for (const language of otherLanguages) addAttacker(worker, `${group}-${language}`, language, python);
  });
  for (const one of tables) table(one, () => worker);
});
