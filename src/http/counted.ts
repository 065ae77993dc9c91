// A request body that streams, and counts what of it has come.
import type { BodyRest, RequestBody } from '../sandbox/sandbox.ts';

export class Counted implements RequestBody {
  readonly first: Uint8Array;
  readonly rest: BodyRest;
  bytes: number;

  constructor(first: Uint8Array, rest: BodyRest) {
    this.first = first;
    this.bytes = first.length;
    this.rest = {
      read: (chunk) =>
        rest.read((bytes, last) => {
          this.bytes += bytes.length;
          chunk(bytes, last);
        }),
      pause: () => rest.pause(),
      resume: () => rest.resume(),
    };
  }
}
