// A strict reader of Prometheus' text format 0.0.4: throws at whatever Prometheus or promtool would find fault with.
import assert from 'node:assert/strict';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)/y;
const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  summary: ['_sum', '_count'],
  histogram: ['_bucket', '_sum', '_count'],
};

/** Families by name, in their order. */
export function readExposition(text: string): ReadonlyMap<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends with a newline');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current: { name: string; help: string; family: Family | undefined } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line.startsWith('# HELP ')) {
      const [, name = '', help = ''] = /^# HELP (\S+) (.+)$/.exec(line) ?? assert.fail(line);
      assert.match(name, metricName);
      assert.ok(!families.has(name), `one family ${name}, in one piece`);
      current = { name, help: plain(help), family: undefined };
    } else if (line.startsWith('# TYPE ')) {
      const [, name = '', type = ''] = /^# TYPE (\S+) (counter|gauge|summary|histogram)$/.exec(line) ?? assert.fail(line);
      assert.ok(current?.name === name && current.family === undefined, `one TYPE after the HELP of ${name}`);
      assert.equal(type === 'counter', name.endsWith('_total'), `counters, and only they, end in _total: ${name}`);
      current.family = { type, help: current.help, samples: [] };
      families.set(name, current.family);
    } else {
      const sample = readSample(line);
      const { name, family } = current ?? assert.fail(`no family for ${line}`);
      assert.ok(family !== undefined && sample.name.startsWith(name), line);
      assert.ok(suffixes[family.type]?.includes(sample.name.slice(name.length)), `${line} in a ${family.type}`);
      const identity = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      assert.ok(!seen.has(identity), `twice: ${line}`);
      seen.add(identity);
      if (family.type !== 'gauge') assert.ok(sample.value >= 0, line);
      family.samples.push(sample);
    }
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family.samples);
  return families;
}

function readSample(line: string): Sample {
  const [, name = '', inside = '', numeral = ''] = sampleLine.exec(line) ?? assert.fail(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  labelPair.lastIndex = 0;
  while (labelPair.lastIndex < inside.length) {
    const [, label = '', value = ''] = labelPair.exec(inside) ?? assert.fail(`labels: ${line}`);
    assert.ok(!Object.hasOwn(labels, label), `label twice: ${line}`);
    labels[label] = plain(value);
  }
  const value = Number(numeral.replace(/^([+-])Inf$/, '$1Infinity'));
  assert.ok(!Number.isNaN(value) || numeral === 'NaN', line);
  return { name, labels, value };
}

function plain(text: string): string {
  return text.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
}

// A series is its buckets in rising order, the last +Inf, then its sum and its count.
function checkHistogram(name: string, samples: readonly Sample[]): void {
  let [bucket, edge] = [0, Number.NEGATIVE_INFINITY];
  let open: string | undefined;
  for (const sample of samples) {
    const { le, ...rest } = sample.labels;
    const series = JSON.stringify(rest);
    if (sample.name === `${name}_bucket`) {
      const at = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
      assert.ok(open === undefined || (open === series && at > edge && sample.value >= bucket), `buckets rise: ${series} ${le}`);
      [open, bucket, edge] = [series, sample.value, at];
    } else {
      assert.equal(open, series);
      assert.equal(edge, Number.POSITIVE_INFINITY, `the last bucket is +Inf: ${series}`);
      if (sample.name === `${name}_count`) {
        assert.equal(sample.value, bucket, `+Inf is the count: ${series}`);
        [open, bucket, edge] = [undefined, 0, Number.NEGATIVE_INFINITY];
      }
    }
  }
  assert.equal(open, undefined, 'the last series is whole');
}
