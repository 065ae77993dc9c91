// The table of lambdas, sorted by what its reader chooses.
import { element, fill, find, list, row, say, span, whole } from './dom.js';

const columns = [
  { key: 'name', title: 'Lambda' },
  { key: 'requests', title: 'Requests', text: whole },
  { key: 'failed', title: 'Failed', text: whole },
  { key: 'p50', title: 'p50', text: span },
  { key: 'p99', title: 'p99', text: span },
  { key: 'max', title: 'max', text: span },
  { key: 'busy', title: 'Busy', text: whole },
  { key: 'idle', title: 'Idle', text: whole },
  { key: 'frozen', title: 'Frozen', text: whole },
  { key: 'queued', title: 'Queued', text: whole },
];

export class Lambdas {
  #by = columns[1];
  #descending = true;
  #told = { total: 0, rows: [] };
  #onChosen;

  /** `onChosen` is told a name that was clicked. */
  constructor(onChosen) {
    this.#onChosen = onChosen;
    list(find('lambdas-head'), columns, {
      key: ({ key }) => key,
      make: (column) => {
        const button = element('button', { type: 'button' }, column.title);
        button.addEventListener('click', () => this.#sort(column));
        return element('th', { scope: 'col', class: column.text === undefined ? '' : 'number' }, button);
      },
    });
  }

  show(told) {
    this.#told = told;
    const { total, rows } = told;
    say(
      find('lambdas-count'),
      total > rows.length ? `of ${whole(total)} the ${whole(rows.length)} with the most requests or failures` : whole(total),
    );
    const sign = this.#descending ? -1 : 1;
    const { key } = this.#by;
    const sorted = rows.toSorted(
      (a, b) => sign * (key === 'name' ? 0 : a[key] - b[key]) || (key === 'name' ? sign : 1) * compare(a.name, b.name),
    );
    list(find('lambdas'), sorted, {
      key: ({ name }) => name,
      make: ({ name }) => {
        const made = row(columns.slice(1).map(() => 'number'));
        const button = element('button', { type: 'button', class: 'link', title: 'Show its requests' }, name);
        button.addEventListener('click', () => this.#onChosen(name));
        made.firstChild.append(button, ' ', element('span', { class: 'problem' }));
        return made;
      },
      show: (tr, lambda) => {
        say(tr.firstChild.lastChild, lambda.problem ?? '');
        fill(tr, [undefined, ...columns.slice(1).map(({ key: of, text }) => text(lambda[of]))]);
      },
    });
    for (const [at, th] of [...find('lambdas-head').children].entries()) {
      if (columns[at] === this.#by) th.setAttribute('aria-sort', this.#descending ? 'descending' : 'ascending');
      else th.removeAttribute('aria-sort');
    }
  }

  #sort(column) {
    this.#descending = column === this.#by ? !this.#descending : column.key !== 'name';
    this.#by = column;
    this.show(this.#told);
  }
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
