// Where the time of one request went: its phases one after another, drawn to scale.
import { bytes, element, fill, find, list, row, say, terms } from './dom.js';

/** Which part of the way each phase belongs to; others are between the worker and the sandbox. */
const parts = {
  receive: 'front',
  reply: 'front',
  stream: 'front',
  send: 'front',
  code: 'lambda',
  queue: 'lambda',
  spawn: 'start',
  fork: 'start',
  isolate: 'start',
  attach: 'start',
};

export function waterfall({ id, time, lambda, method, path, status, start, error, bytesIn, bytesOut, sandbox, trace, length, phases }) {
  const region = find('waterfall');
  say(find('waterfall-title'), id);
  terms(find('waterfall-facts'), [
    ['request', path === undefined ? method : `${method} ${path}`],
    ['lambda', lambda ?? '–'],
    ['began', new Date(time).toISOString().replace('T', ' ')],
    ['status', error === undefined ? `${status}` : `${status} ${error}`],
    ['start class', start ?? 'no sandbox'],
    ['sandbox', sandbox ?? '–'],
    ['bytes in, out', `${bytes(bytesIn)}, ${bytes(bytesOut)}`],
    ['trace', trace ?? '–'],
  ]);
  let at = 0;
  const spans = phases.map(([name, took], i) => {
    const from = at;
    at += took;
    return { key: `${i} ${name}`, name, from, took };
  });
  const percent = (part) => (length === 0 ? 0 : (100 * part) / length);
  list(find('phases'), spans, {
    key: ({ key }) => key,
    make: ({ name }) => {
      const made = row(['bars', 'number', 'number']);
      made.dataset.part = parts[name] ?? 'trip';
      made.children[1].append(element('span'));
      return made;
    },
    show: (tr, { name, from, took }) => {
      const bar = tr.children[1].firstChild;
      bar.style.left = `${percent(from)}%`;
      bar.style.width = `${percent(took)}%`;
      fill(tr, [name, undefined, micros(took), percent(took).toFixed(1)]);
    },
  });
  say(find('phases-sum'), micros(length));
  region.querySelector('table').hidden = false;
  region.scrollIntoView({ block: 'nearest' });
}

/** Of tenths. */
function micros(tenths) {
  return (tenths / 10).toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
