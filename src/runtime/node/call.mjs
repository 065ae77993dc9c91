// One request under way.
import { Context } from './context.mjs';
import { report } from './faults.mjs';
import { Incoming } from './incoming.mjs';
import { Cancelled, Outgoing } from './outgoing.mjs';
import { pieceOf, toSend } from './result.mjs';

const now = () => process.hrtime.bigint();
const raised = '{"status":500,"error":"handler-raised"}';
const invalid = '{"status":400,"error":"event-invalid"}';

export class Call {
  #head;
  #info;
  #handler;
  #incoming;
  #outgoing;
  #body = Buffer.alloc(0);
  #abort;
  #cancelled = false;

  /** Calls `handler`, answers by `write`; `onOver` comes last, once. */
  constructor({ number, head, body, last, handler, write, onOver }) {
    this.#head = head;
    this.#handler = handler;
    this.#incoming = new Incoming(number, body, last, write);
    this.#outgoing = new Outgoing(number, (frame) => {
      if (this.#outgoing.over) onOver();
      write(frame);
    });
    this.#outgoing.time('received', now());
  }

  /** `born`, `sealed`: nanoseconds, for the first request of a sandbox. */
  began(born, sealed) {
    this.#outgoing.time('born', born);
    this.#outgoing.time('sealed', sealed);
  }

  run(loadOnly) {
    if (this.#handler.f !== undefined) this.#loaded(loadOnly);
    else
      this.#handler.load().then(
        () => {
          this.#outgoing.time('loaded', now());
          if (this.#handler.streams && !this.#handler.announced) this.#outgoing.streams(); // of several that wait for it, one says so
          this.#handler.announced = true;
          this.#loaded(loadOnly);
        },
        (error) => this.#fail(error),
      );
  }

  // ---- what the worker says

  append(bytes, last) {
    this.#incoming.append(bytes, last);
  }

  grant(bytes) {
    this.#outgoing.grant(bytes);
  }

  /** The function is told by its signal; the call ends when it has heeded that. */
  cancel() {
    this.#cancelled = true;
    this.#abort?.abort();
    this.#incoming.abandon();
    this.#outgoing.cancel();
  }

  // ---- what the context asks

  get info() {
    this.#info ??= JSON.parse(this.#head);
    return this.#info;
  }

  get body() {
    return this.#body;
  }

  get stream() {
    return this.#handler.streams ? this.#incoming.stream() : only(this.#body);
  }

  get signal() {
    this.#abort ??= new AbortController();
    if (this.#cancelled) this.#abort.abort();
    return this.#abort.signal;
  }

  log(text, level) {
    if (this.#outgoing.over)
      throw new Error('context.log: the request has been answered; what goes on in the background can use console.log');
    this.#outgoing.log(text, level);
  }

  // ---- on the way

  #loaded(loadOnly) {
    if (loadOnly) this.#outgoing.finish();
    else if (this.#handler.streams && !this.#cancelled) this.#call({});
    else this.#incoming.whole((body) => this.#parse(body));
  }

  #parse(body) {
    if (this.#cancelled) {
      this.#outgoing.drop();
      return;
    }
    this.#body = body;
    let event = {};
    try {
      if (body.length > 0) event = JSON.parse(body.toString());
    } catch (error) {
      this.#refuse(invalid, error.message);
      return;
    }
    this.#call(event);
  }

  #call(event) {
    try {
      const result = this.#handler.f(event, new Context(this));
      if (typeof result?.then === 'function')
        Promise.resolve(result).then(
          (value) => this.#answer(value),
          (error) => this.#fail(error),
        );
      else this.#answer(result);
    } catch (error) {
      this.#fail(error);
    }
  }

  #answer(result) {
    this.#outgoing.time('handled', now());
    try {
      const { head, body, pieces, headFor } = toSend(result);
      if (pieces !== undefined) this.#stream(pieces, headFor).catch((error) => this.#fail(error));
      else if (this.#cancelled) this.#outgoing.drop();
      else {
        this.#outgoing.open(head);
        this.#outgoing.finish(body);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  // Leaving the loop early closes what makes the pieces.
  async #stream(pieces, headFor) {
    let opened = false;
    for await (const piece of pieces) {
      const bytes = pieceOf(piece);
      if (this.#cancelled) throw new Cancelled();
      if (!opened) this.#outgoing.open(headFor(piece));
      opened = true;
      await this.#outgoing.write(bytes);
    }
    if (!opened) this.#outgoing.open(headFor(undefined));
    if (this.#cancelled) this.#outgoing.drop();
    else this.#outgoing.finish();
  }

  #fail(error) {
    if (this.#outgoing.over) throw error;
    if (this.#cancelled) this.#outgoing.drop();
    else if (this.#outgoing.begun) {
      this.#outgoing.log(report(error), 1);
      this.#outgoing.break();
    } else this.#refuse(raised, report(error));
  }

  #refuse(head, text) {
    this.#outgoing.time('handled', now());
    this.#outgoing.open(head);
    this.#outgoing.finish(text);
  }
}

async function* only(bytes) {
  if (bytes.length > 0) yield bytes;
}
