// What is used of uWebSockets' objects.

export interface UwsRequest {
  forEach(header: (name: string, value: string) => void): void;
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  getQuery(): string | undefined;
}

export interface UwsResponse extends UwsWriter {
  onAborted(handler: () => void): unknown;
  onData(handler: (chunk: ArrayBuffer, last: boolean) => void): unknown;
  getRemoteAddressAsText(): ArrayBuffer;
  pause(): void;
  resume(): void;
  end(body?: Uint8Array, close?: boolean): unknown;
  endWithoutBody(): unknown;
  close(): unknown;
}

/** The part of a response that its body needs. */
export interface UwsWriter {
  /** Calls back at once; what is written meanwhile goes out together. Sends what the library keeps, too. */
  cork(handler: () => void): unknown;
  writeStatus(head: Uint8Array): unknown;
  write(chunk: Uint8Array): boolean;
  tryEnd(chunk: Uint8Array, length: number): [ok: boolean, done: boolean];
  getWriteOffset(): number;
  end(): unknown;
  onWritable(handler: () => boolean): unknown;
}

/** The library reads what it gets as UTF-8. Back to a character a byte. */
export function latin1(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1');
}
