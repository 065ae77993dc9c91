// Which engine serves here.
import type { Engine, Fault } from './engine.ts';
import { nodeEngine } from './node.ts';
import { uwsEngine } from './uws.ts';

export interface EngineOptions {
  /** Bytes that the head of a request may have. */
  readonly headerBytes?: number;
  /** How long a client may send nothing of a body that is waited for. */
  readonly silenceMs?: number;
  /** Takes this one, whatever is there. */
  readonly prefer?: 'auto' | 'uws' | 'node';
}

export interface ChosenEngine extends Engine {
  /** Why it is not the faster one, for the log; undefined when it is. */
  readonly reason: string | undefined;
}

/**
 * uWebSockets.js, which takes a third of the processor time, where it is installed and loads; else node:http.
 *
 * @throws Error when uWebSockets.js is preferred and cannot be had.
 */
export function chooseEngine(fault: Fault, { prefer, headerBytes = 16 << 10, silenceMs = 30_000 }: EngineOptions = {}): ChosenEngine {
  if (prefer === 'node') return { ...nodeEngine(fault, { headerBytes, silenceMs }), reason: 'node:http was asked for' };
  try {
    return { ...uwsEngine(fault, { headerBytes, silenceMs }), reason: undefined };
  } catch (cause) {
    if (prefer === 'uws') throw cause;
    return { ...nodeEngine(fault, { headerBytes, silenceMs }), reason: cause instanceof Error ? cause.message : String(cause) };
  }
}
