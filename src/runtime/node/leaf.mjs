// What runs in the sandbox of a Node lambda: loads the handler, answers requests, as many at a time as come.
//   leaf.mjs [DIRECTORY [REHEARSAL]]   of the code, by default /handler, and of what is rehearsed with, /rehearsal
import { Call } from './call.mjs';
import { Frames, flag, headBytes, open, putHead, type } from './channel.mjs';
import { Handler } from './handler.mjs';

const channel = 3;

class Leaf {
  #handler;
  #calls = new Map();
  #born;
  #sealed;
  #frames = new Frames((kind, flags, number, bytes) => this.#onFrame(kind, flags, number, bytes));
  write = () => {};

  constructor(directory, born = 0n, sealed = 0n) {
    this.#handler = new Handler(directory);
    this.#born = born;
    this.#sealed = sealed;
  }

  get frames() {
    return this.#frames;
  }

  #onFrame(kind, flags, number, bytes) {
    if (kind === type.request) this.#begin(flags, number, bytes);
    else if (kind === type.setup) this.#handler.configure(JSON.parse(bytes.toString()));
    else if (kind === type.body) this.#calls.get(number)?.append(bytes, (flags & flag.last) !== 0);
    else if (kind === type.window) this.#calls.get(number)?.grant(bytes.readUInt32LE(0));
    else if (kind === type.cancel) this.#calls.get(number)?.cancel();
  }

  #begin(flags, number, bytes) {
    const begin = 2 + bytes.readUInt16LE(0);
    const call = new Call({
      number,
      head: bytes.toString('utf8', 2, begin),
      body: bytes.subarray(begin),
      last: (flags & flag.last) !== 0,
      handler: this.#handler,
      write: this.write,
      onOver: () => this.#calls.delete(number),
    });
    this.#calls.set(number, call);
    call.began(this.#born, this.#sealed);
    this.#born = this.#sealed = 0n;
    call.run((flags & flag.loadOnly) !== 0);
  }
}

const [directory = '/handler', rehearsal = '/rehearsal'] = process.argv.slice(2);
const { SOCK_STANDBY: standby, SOCK_BORN: born = '0', SOCK_SEALED: sealed = '0' } = process.env;
for (const name of ['SOCK_STANDBY', 'SOCK_BORN', 'SOCK_SEALED']) delete process.env[name];

const leaf = new Leaf(directory, BigInt(born), BigInt(sealed));
if (standby === '1') {
  const { rehearse } = await import('./rehearse.mjs');
  await rehearse(new Leaf(rehearsal));
}
leaf.write = open(channel, leaf.frames);
if (standby === '1') {
  const ready = Buffer.alloc(headBytes);
  putHead(ready, 0, 0, type.ready, 0);
  leaf.write(ready);
}
