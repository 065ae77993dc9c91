// Other processes: a lambda sees, signals and inspects its own only.
import assert from 'node:assert/strict';
import type { Worker } from '../../worker.ts';
import { type Attempt, fails, gives, type Outcome, refused, type Table, works } from '../attempts.ts';
import { children } from '../host.ts';

const list = ({ value }: Outcome): number[] => value as number[];
const some = (outcome: Outcome): void => assert.ok(list(outcome).length > 0, JSON.stringify(outcome));
const needsChannel = 'the channel is there in sandboxes only';

const attempts: Attempt[] = [
  { attack: 'strangers', what: 'see other processes', inside: gives([]), control: some },
  { attack: 'signal_host', what: 'signal worker, zygote or another sandbox', inside: gives([]), control: some },
  {
    attack: 'signal_any',
    what: 'signal any process by trying all numbers',
    inside: gives([]),
    control: 'who comes and goes there is not known',
  },
  ...refused('ESRCH', { open_host_by_pidfd: 'open the worker by pidfd' }),
  { attack: 'kill_parent', what: 'name its parent', inside: gives(0), control: 'of process 1 nothing else is true anywhere' },
  ...refused(
    'ENOENT',
    Object.fromEntries(
      ['environ', 'memory', 'root', 'maps', 'fd'].map((name) => [`open_of_host_${name}`, `open the worker’s /proc files (${name})`]),
    ),
  ),
  {
    attack: 'kill_channel_peer',
    what: 'signal the worker by the pidfd of the channel',
    inside: noSignal,
    control: needsChannel,
    byChannel: true,
  },
  {
    attack: 'channel_peer',
    what: 'learn who holds the other end',
    inside: gives({ pid: 0, root: false }),
    control: needsChannel,
    byChannel: true,
  },
  { attack: 'be_told_of_host', what: 'have signals sent to the worker', inside: harmlessOwner, control: works },
];

function noSignal(outcome: Outcome): void {
  if (outcome.errno !== undefined) fails('EPERM EINVAL ESRCH')(outcome);
  else assert.ok(['ENOPROTOOPT', 'EINVAL', 'ESRCH'].includes(outcome.value as string), JSON.stringify(outcome));
}

function harmlessOwner(outcome: Outcome): void {
  if (outcome.errno !== undefined) fails('ESRCH EPERM')(outcome);
  else gives(0)(outcome);
}

const pids = (worker: Worker): number[] => [worker.pid, ...children(worker.pid)];

export const processes: Table = { group: 'processes', attempts, given: (worker) => ({ pids: pids(worker) }), under: [] };
