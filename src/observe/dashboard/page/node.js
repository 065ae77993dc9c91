// What the node has: sandboxes by state, zygotes, memory.
import { bytes, element, fill, find, list, row, say, terms, whole } from './dom.js';

export function node(told) {
  const states = Object.keys(told.sandboxes);
  terms(
    find('states'),
    states.map((state) => [state, whole(told.sandboxes[state]), state]),
  );
  const most = states.reduce((sum, state) => sum + told.sandboxes[state], 0);
  list(find('states-bar'), states, {
    key: (state) => state,
    make: (state) => element('span', { 'data-kind': state }),
    show: (bar, state) => {
      bar.style.width = most === 0 ? '0' : `${(100 * told.sandboxes[state]) / most}%`;
    },
  });
  list(find('zygotes'), told.zygotes, {
    key: ({ runtime }) => runtime,
    make: () => row(['', 'number', 'number']),
    show: (tr, { runtime, state, standbys, slots }) => {
      tr.dataset.state = state;
      fill(tr, [
        runtime,
        state,
        whole(standbys),
        slots === undefined ? '–' : `${slots.ready}${slots.coming > 0 ? ` + ${slots.coming} coming` : ''}`,
      ]);
    },
  });
  const own = told.lambdaZygotes ?? 0;
  say(find('own-zygotes'), own === 0 ? '' : `and ${own} of single lambdas`);
  memory(told);
}

function memory({ memory: { takenBytes, mostBytes, residentBytes }, evictions, waitingForMemory, cpu, limitsNotEnforced }) {
  find('memory-bar').style.width = `${Math.min(100, (100 * takenBytes) / Math.max(1, mostBytes)).toFixed(2)}%`;
  terms(find('memory'), [
    ['taken by sandboxes', `${bytes(takenBytes)} of ${bytes(mostBytes)}`, 'taken'],
    ['worker, resident', bytes(residentBytes)],
    ['worker, processor', cpu === undefined ? '–' : `${Math.round(cpu * 100)} % of one`],
    ['evictions', whole(evictions)],
    ['lambdas waiting for memory', whole(waitingForMemory)],
  ]);
  say(find('limits'), limitsNotEnforced.length === 0 ? '' : `Not enforced by cgroups here: ${limitsNotEnforced.join(', ')}`);
}
