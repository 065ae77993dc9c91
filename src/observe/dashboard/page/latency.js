// The table of latencies: of each start class its percentiles, and a strip that shows them on a logarithmic scale.
import { element, fill, find, list, row, say, span, whole } from './dom.js';

const classes = ['warm', 'thawed', 'standby', 'forked', 'spawned', 'none'];
const names = { none: 'no sandbox' };

export function latency({ minute, all, minuteMs }) {
  say(find('minute'), minuteMs < 57_500 ? `last minute (watched for ${Math.round(minuteMs / 1000)} s)` : 'last minute');
  const chosen = document.querySelector('[name=span]:checked').value === 'all' ? all : minute;
  // One scale for both, so that they can be compared.
  const every = [minute, all].flatMap((of) => Object.values(of)).flatMap(({ p50, max }) => [p50, max]);
  const scale = logarithmic(every);
  say(find('strip-title'), scale === undefined ? '' : `${span(scale.low)} – ${span(scale.high)}`);
  list(
    find('latency'),
    classes.filter((name) => name in all),
    {
      key: (name) => name,
      make: (name) => {
        const made = row(['number', 'number', 'number', 'number', 'number', 'strip']);
        made.dataset.start = name;
        made.lastChild.append(element('span', { class: 'range' }), ...['p50', 'p90', 'p99'].map((of) => element('span', { class: of })));
        return made;
      },
      show: (tr, name) => {
        const of = chosen[name];
        const times = of === undefined ? ['–', '–', '–', '–'] : [of.p50, of.p90, of.p99, of.max].map(span);
        fill(tr, [names[name] ?? name, whole(of?.count ?? 0), ...times]);
        strip(tr.lastChild, of, scale);
      },
    },
  );
}

/** From the median to the greatest, with a mark at each percentile. */
function strip(cell, of, scale) {
  cell.classList.toggle('empty', of === undefined);
  if (of === undefined) return;
  const [range, ...marks] = cell.children;
  range.style.left = scale.at(of.p50);
  range.style.right = `calc(100% - ${scale.at(of.max)})`;
  [of.p50, of.p90, of.p99].forEach((value, i) => {
    marks[i].style.left = scale.at(value);
  });
}

function logarithmic(values) {
  const over = values.filter((value) => value > 0);
  if (over.length === 0) return undefined;
  const low = 10 ** Math.floor(Math.log10(Math.min(...over)));
  const high = 10 ** Math.max(Math.ceil(Math.log10(Math.max(...over))), Math.log10(low) + 1);
  const at = (value) => `${((100 * Math.log(Math.max(value, low) / low)) / Math.log(high / low)).toFixed(2)}%`;
  return { low, high, at };
}
