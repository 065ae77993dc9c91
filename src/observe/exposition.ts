// Writes Prometheus' text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/

const noEnd = Buffer.alloc(0);
/** Bytes of an end and a count, more than there are. */
const longestEnd = 64;

/** Bytes that grow. A thousand lambdas are 7 MB of text: written in place they take half as long as put together from strings. */
export class Exposition {
  #bytes: Buffer;
  #length = 0;

  /** `expected`: bytes to have room for from the start. */
  constructor(expected: number) {
    this.#bytes = Buffer.allocUnsafe(expected);
  }

  family(name: string, type: 'counter' | 'gauge' | 'histogram' | 'summary', help: string): void {
    this.#write(`# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${name} ${type}\n`);
  }

  /** `labels`: as `labelText` makes them. */
  sample(name: string, labels: string, value: number): void {
    this.#write(labels === '' ? `${name} ${numeral(value)}\n` : `${name}{${labels}} ${numeral(value)}\n`);
  }

  /** One line for each of `ends` (short): `start`, the end, the count at its place, a whole number. */
  lines(start: string, ends: readonly Buffer[], counts: Float64Array): void {
    const from = this.#length;
    this.#write(start);
    const to = this.#length;
    this.#reserve(ends.length * (to - from + longestEnd));
    for (let i = 0; i < ends.length; i++) {
      if (i > 0) {
        this.#bytes.copyWithin(this.#length, from, to);
        this.#length += to - from;
      }
      this.#end(ends[i] ?? noEnd, counts[i] ?? 0);
    }
  }

  /** All that was written. */
  take(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #write(text: string): void {
    this.#reserve(text.length * 3); // the most that UTF-8 makes of it
    this.#length += this.#bytes.write(text, this.#length);
  }

  // Digit by digit, for which there is room: a call into the runtime would cost more.
  #end(end: Buffer, count: number): void {
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < end.length; i++) bytes[at++] = end[i] ?? 0;
    let digits = 1;
    for (let rest = count; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    at += digits;
    this.#length = at + 1;
    bytes[at] = 0x0a;
    for (let rest = count; digits > 0; digits--) {
      const tens = Math.floor(rest / 10);
      bytes[--at] = 0x30 + (rest - tens * 10);
      rest = tens;
    }
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const bytes = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
  }
}

/** `a="b",c="d"` */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

function numeral(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : `${value}`;
}
