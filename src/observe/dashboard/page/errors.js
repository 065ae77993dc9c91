// What failed lately, and how often what has failed since the start.
import { clock, element, find, list, terms, whole } from './dom.js';

const most = 50;
/** Of what is in the list; all of it is under it. */
const mostLetters = 200;

export class Errors {
  #kept = [];

  clear() {
    this.#kept = [];
  }

  add({ byCode, recent }) {
    this.#kept = [...recent.toReversed(), ...this.#kept].slice(0, most);
    terms(
      find('error-codes'),
      Object.entries(byCode).map(([code, count]) => [code, whole(count)]),
    );
    find('errors-none').hidden = this.#kept.length > 0;
    list(find('errors'), this.#kept, { key: ({ id, ended }) => `${ended} ${id}`, make: entry });
  }
}

function entry({ id, time, lambda, method, path, status, error, message }) {
  const lines = message.trimEnd().split('\n');
  const head = [
    element('time', { datetime: new Date(time).toISOString() }, clock(time)),
    element('b', {}, `${status} ${error}`),
    element('span', {}, lambda ?? '–'),
    element('span', { class: 'message' }, lines.at(-1).slice(0, mostLetters)), // of a traceback, what was raised
  ];
  const rest = [`${method} ${path ?? ''}`, `request ${id}`, ...lines].join('\n');
  return element(
    'li',
    {},
    element('details', {}, element('summary', {}, ...head.flatMap((part) => [part, ' '])), element('pre', {}, rest)),
  );
}
