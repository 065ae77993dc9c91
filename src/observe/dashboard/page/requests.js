// The list of requests that ended lately, those that the filter lets through, and the one of them that is looked at.
import { clock, element, fill, find, list, row, span } from './dom.js';
import { waterfall } from './waterfall.js';

const most = 100;

export class Requests {
  #form = find('filter');
  #kept = [];
  #shown = [];
  /** Kept even when it is in the list no more. */
  #chosen;
  #onFilter;

  /** `onFilter` is called when other requests are wanted. */
  constructor(onFilter) {
    this.#onFilter = onFilter;
    this.#form.addEventListener('submit', (event) => event.preventDefault());
    this.#form.addEventListener('input', (event) => {
      if (event.target.name === 'hold') this.#renew();
      else this.#filtered();
    });
  }

  /** As the worker is asked for them. */
  get filter() {
    const { lambda, start, ms } = this.#form.elements;
    return Object.fromEntries(
      [
        ['lambda', lambda.value.trim()],
        ['start', start.value],
        ['min_ms', ms.validity.valid ? ms.value : ''],
      ].filter(([, value]) => value !== ''),
    );
  }

  ofLambda(name) {
    this.#form.elements.lambda.value = name;
    this.#filtered();
    this.#form.scrollIntoView({ block: 'nearest' });
  }

  /** All that there was is of another worker, or of another filter. */
  clear() {
    this.#kept = [];
  }

  add(requests, { requestsKept }) {
    this.#kept = [...requests.toReversed(), ...this.#kept].slice(0, most);
    find('requests-none').textContent = requestsKept ? 'None yet that match.' : 'None yet, or none are kept ("trace": {"requests": 0}).';
    this.#renew();
  }

  names(rows) {
    list(find('names'), rows, { key: ({ name }) => name, make: ({ name }) => element('option', { value: name }) });
  }

  #filtered() {
    this.#form.elements.hold.checked = false;
    this.#onFilter();
  }

  #renew() {
    if (this.#form.elements.hold.checked) return;
    this.#shown = this.#kept;
    this.#draw();
  }

  #draw() {
    find('requests-none').hidden = this.#shown.length > 0;
    list(find('requests'), this.#shown, {
      key: ({ id, ended }) => `${ended} ${id}`,
      make: (request) => this.#made(request),
      show: (tr, request) => {
        const same = this.#chosen !== undefined && request.ended === this.#chosen.ended && request.id === this.#chosen.id;
        tr.firstChild.firstChild.setAttribute('aria-pressed', same);
      },
    });
  }

  #made(request) {
    const { id, time, lambda, start, status, length } = request;
    const made = row(['', 'start', 'number', 'number'], 'td');
    made.dataset.start = start ?? 'none';
    made.dataset.failed = status >= 400;
    fill(made, [undefined, lambda ?? '–', start ?? '–', `${status}`, span(length / 10_000)]);
    const button = element('button', { type: 'button', class: 'link' }, `${clock(time)} `, element('small', {}, id));
    made.firstChild.append(button);
    made.addEventListener('click', () => {
      this.#chosen = request;
      waterfall(request);
      this.#draw();
    });
    return made;
  }
}
