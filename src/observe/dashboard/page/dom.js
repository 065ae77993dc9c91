// Elements and words. All that is told by the worker comes in as text, never as markup: names, paths and messages may be anybody's.

export const find = (id) => document.getElementById(id);

/** An element with `attributes` (`class`, `data-…`, …) and children: elements, or text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Sets a text, if it is another, so that what is marked or read aloud is left alone. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Makes the children of `parent` those of `items`, in their order. An element is made once for each key, and stays where it is as long as it can: whoever has
 * the focus in it keeps it.
 */
export function list(parent, items, { key, make, show }) {
  const known = new Map([...parent.children].map((child) => [child.itemKey, child]));
  const wanted = items.map((item) => {
    const child = known.get(key(item)) ?? Object.assign(make(item), { itemKey: key(item) });
    known.delete(key(item));
    show?.(child, item);
    return child;
  });
  for (const gone of known.values()) gone.remove();
  wanted.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
}

/** A row of a table: a head, and cells of these classes. */
export function row(cells, first = 'th') {
  return element('tr', {}, element(first, first === 'th' ? { scope: 'row' } : {}), ...cells.map((name) => element('td', { class: name })));
}

/** The texts of a row's cells; undefined leaves one as it is. */
export function fill(tr, texts) {
  texts.forEach((text, at) => {
    if (text !== undefined) say(tr.children[at], text);
  });
}

/** Terms and what they are: `[term, description, kind]`. */
export function terms(dl, entries) {
  list(dl, entries, {
    key: ([term]) => term,
    make: ([term, , kind = '']) => element('div', { 'data-kind': kind }, element('dt', {}, term), element('dd')),
    show: (child, [, description]) => say(child.lastChild, description),
  });
}

export const whole = (value) => Math.round(value).toLocaleString('en');

/** A length of time in ms, to three digits. */
export function span(ms) {
  if (ms < 1) return `${digits(ms * 1000)} µs`;
  return ms < 1000 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
}

export function bytes(value) {
  if (value < 1024) return `${value} B`;
  const at = Math.min(4, Math.floor(Math.log2(value) / 10));
  return `${digits(value / 1024 ** at)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][at]}`;
}

export function rate(perSecond) {
  return perSecond < 100 ? digits(perSecond) : whole(perSecond);
}

/** Of a duration in seconds, the two largest parts. */
export function duration(seconds) {
  const parts = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const first = Math.max(
    0,
    parts.findIndex((part) => part > 0),
  );
  const units = ['d', 'h', 'min', 's'];
  return (
    [first, first + 1]
      .filter((at) => at < 4 && (at === 3 || parts[at] > 0))
      .map((at) => `${parts[at]} ${units[at]}`)
      .join(' ') || '0 s'
  );
}

export const clock = (time) => new Date(time).toLocaleTimeString('en-GB');

function digits(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value === 0 ? '0' : value.toFixed(2);
}
