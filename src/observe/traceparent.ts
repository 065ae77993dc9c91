// W3C Trace Context: https://www.w3.org/TR/trace-context/ (level 1; of a later version only what this one knows).
import { randomFillSync } from 'node:crypto';
import type { Trace } from './finished.ts';

/** Where a request comes from. */
export interface Parent {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

const version0 = 55;
const shape = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** Undefined when the header is missing or wrong: the request then begins a trace of its own (3.2.4). */
export function parseTraceparent(header: string): Parent | undefined {
  const [, version, traceId = '', spanId = '', flags = ''] = shape.exec(header) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && header.length !== version0)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent({ traceId, spanId, sampled }: Trace): string {
  return `00-${traceId}-${spanId}-0${sampled ? 1 : 0}`;
}

const mostMembers = 32;
const longestState = 512;
const longMember = 128;
const member =
  /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * The tracestate to pass on: as it came, without empty members and blanks around them; '' when it is missing or wrong. Of one over 512 characters
 * the members over 128 go first, then the last ones (3.3.1.5).
 */
export function parseTracestate(header: string): string {
  const members = header
    .split(',')
    .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((text) => text !== '');
  const keys = new Set(members.map((text) => text.slice(0, text.indexOf('='))));
  if (members.length > mostMembers || keys.size < members.length || !members.every((text) => member.test(text))) return '';
  let length = members.join(',').length;
  const drop = (i: number): void => {
    length -= (members[i]?.length ?? 0) + 1;
    members.splice(i, 1);
  };
  for (let i = members.length - 1; i >= 0 && length > longestState; i--) if ((members[i]?.length ?? 0) > longMember) drop(i);
  while (length > longestState) drop(members.length - 1);
  return members.join(',');
}

/** Makes ids by cutting up random digits, of which there are some in stock: a call for each id would take longer than all the rest. */
export class TraceContexts {
  readonly #bytes = Buffer.alloc(4096);
  #digits = '';
  #at = 0;

  /** The worker's own span of a request: a child of `parent`, or the first of a new trace. */
  begin(parent: Parent | undefined, sampled: boolean): Trace {
    if (parent === undefined) return { traceId: this.#id(32), spanId: this.#id(16), sampled };
    return { traceId: parent.traceId, spanId: this.#id(16), parentSpanId: parent.spanId, sampled: parent.sampled };
  }

  // Not all zeros: nobody has to reckon with that chance (2^-64).
  #id(digits: number): string {
    if (this.#at + digits > this.#digits.length) {
      this.#digits = randomFillSync(this.#bytes).toString('hex');
      this.#at = 0;
    }
    this.#at += digits;
    return this.#digits.slice(this.#at - digits, this.#at);
  }
}
