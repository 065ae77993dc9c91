// A line over the last five minutes, with its highest value and where its time begins.

const space = 'http://www.w3.org/2000/svg';
/** Units of the drawing, which is stretched; ms. */
const [width, height] = [600, 110];
const shown = 300_000;

export class Chart {
  #area = shape('path', { class: 'area' });
  #line = shape('path', { class: 'line', 'vector-effect': 'non-scaling-stroke' });
  #second = shape('path', { class: 'second', 'vector-effect': 'non-scaling-stroke' });
  #svg;
  #top;

  constructor(svg) {
    this.#svg = svg;
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.append(this.#area, this.#line, this.#second);
    this.#top = document.createElement('span');
    const foot = document.createElement('span');
    this.#top.className = 'quiet top';
    foot.className = 'quiet foot';
    foot.textContent = 'last 5 minutes';
    svg.after(this.#top, foot);
  }

  /** `points`: `[at, value, second value]`, by time in ms; `name` makes a value a text. */
  draw(points, now, name) {
    const most = Math.max(...points.map(([, a, b]) => Math.max(a, b)), 0);
    const top = nice(most);
    const x = (at) => (width * (1 - (now - at) / shown)).toFixed(1);
    const y = (value) => (height - 1 - ((height - 4) * value) / top).toFixed(1);
    const path = (value) => points.map((point, i) => `${i === 0 ? 'M' : 'L'}${x(point[0])} ${y(value(point))}`).join('');
    const line = path(([, value]) => value);
    this.#line.setAttribute('d', line);
    this.#second.setAttribute(
      'd',
      path(([, , second]) => second),
    );
    this.#area.setAttribute('d', points.length === 0 ? '' : `${line}L${x(points.at(-1)[0])} ${height}L${x(points[0][0])} ${height}Z`);
    this.#svg.querySelector('title').textContent = `at most ${name(most)} within the last five minutes`;
    this.#top.textContent = name(top);
    this.#svg.dataset.points = points.length;
  }
}

/** The next of 1, 2, 5, 10, 20 … */
function nice(value) {
  if (value <= 1) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 2, 5, 10].find((step) => step * unit >= value);
}

function shape(name, attributes = {}) {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
