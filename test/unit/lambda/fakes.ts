// A lambda over a backend that does only what the test says: sandboxes answer when they are told to.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { WorkerError } from '../../../src/errors.ts';
import type { Call, Outcome } from '../../../src/lambda/call.ts';
import { evictionPolicies } from '../../../src/lambda/eviction.ts';
import { Lambda, type LambdaOptions } from '../../../src/lambda/lambda.ts';
import { Room } from '../../../src/lambda/room.ts';
import { Phases } from '../../../src/observe/phases.ts';
import type { Resolved } from '../../../src/registry/registry.ts';
import type { Backend, ColdClass, Ongoing, Sandbox, SandboxRequest, SandboxSpec } from '../../../src/sandbox/sandbox.ts';

export class FakeSandbox implements Sandbox {
  readonly id = '';
  readonly start: ColdClass;
  readonly closed = Promise.resolve();
  readonly spec: SandboxSpec;
  /** The last one, and all of them. */
  request_: SandboxRequest | undefined;
  readonly requests: SandboxRequest[] = [];
  cancelled = 0;
  frozen = false;
  isClosed = false;

  constructor(spec: SandboxSpec) {
    this.start = spec.cold ?? 'forked';
    this.spec = spec;
  }

  request(request: SandboxRequest): Ongoing {
    this.request_ = request;
    this.requests.push(request);
    return { used: () => {}, cancel: () => this.cancelled++ };
  }

  freeze(): void {
    this.frozen = true;
  }

  thaw(): void {
    this.frozen = false;
  }

  close(): Promise<void> {
    this.isClosed = true;
    return this.closed;
  }

  answer(): void {
    this.request_?.answered({ status: 200, headers: [], body: new Uint8Array(0) });
  }

  die(): void {
    this.request_?.failed(new WorkerError('sandbox-died'));
    this.spec.onDeath();
  }
}

export interface FakeBackend extends Backend {
  readonly sandboxes: FakeSandbox[];
  readonly forgotten: string[];
}

export function fakeBackend(): FakeBackend {
  const sandboxes: FakeSandbox[] = [];
  const forgotten: string[] = [];
  return {
    sandboxes,
    forgotten,
    start: async () => {},
    create: (spec) => {
      const sandbox = new FakeSandbox(spec);
      sandboxes.push(sandbox);
      return sandbox;
    },
    forget: (_, { digest }) => void forgotten.push(digest),
    status: () => ({ backend: 'sock', standbys: 0, sandboxes: sandboxes.length, lambdaZygotes: 0, limitsNotEnforced: [] }),
    memory: () => new Map(),
    close: async () => {},
    kill: () => {},
  };
}

/** The call and what became of it: `start class` or `error code`, undefined as long as it is not settled. */
export interface FakeCall extends Call {
  outcome: string | undefined;
  /** Of an error. */
  why: string | undefined;
}

export function call(force?: Call['force']): FakeCall {
  return {
    lambda: 'l',
    head: { id: 'id', method: 'POST', root: '/run/l', path: '', query: '', headers: [], client: '' },
    body: { first: new Uint8Array(0), rest: undefined },
    force,
    sandbox: undefined,
    begin() {},
    chunk() {},
    phases: new Phases(performance.now()),
    cancel: undefined,
    outcome: undefined,
    why: undefined,
    settle(outcome: Outcome) {
      if (outcome.at === 'failed') this.why = outcome.error.message;
      this.outcome = this.outcome === undefined ? (outcome.at === 'failed' ? outcome.error.code : outcome.start) : 'settled twice';
    },
  };
}

export function code(digest: string): Resolved {
  return { digest, dir: `/code/${digest}`, stamp: digest };
}

/** Code with an ol.yaml, on disk until the test ends. */
export function codeWith(t: TestContext, digest: string, settings: string): Resolved {
  const dir = mkdtempSync(join(tmpdir(), 'sock-code-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'ol.yaml'), settings);
  return { digest, dir, stamp: digest };
}

export interface FakeLambda {
  readonly lambda: Lambda;
  /** How often each digest is retained. */
  readonly retained: Map<string, number>;
  emptied: number;
}

/** What a test may ask of its lambda, beside what Lambda itself takes. */
export interface FakeSettings extends Partial<LambdaOptions> {
  readonly maxInstances?: number;
  readonly maxQueue?: number;
  readonly timeLimitMs?: number;
  readonly freezeAfterMs?: number;
  readonly keepWarmMs?: number;
}

/** A room for so many sandboxes. */
export function room(sandboxes: number, policy: keyof typeof evictionPolicies = 'lru'): Room {
  return new Room(sandboxes * sandboxMb * (1 << 20), evictionPolicies[policy]);
}

const sandboxMb = 50;

/** Closed when the test ends. */
export function lambda(t: TestContext, backend: Backend, settings: FakeSettings = {}): FakeLambda {
  const { maxInstances = 4, maxQueue = 4, timeLimitMs = 30_000, freezeAfterMs = 1000, keepWarmMs = 60_000, ...options } = settings;
  const retained = new Map<string, number>();
  const count = (by: number) => (resolved: Resolved) => void retained.set(resolved.digest, (retained.get(resolved.digest) ?? 0) + by);
  const { limits, ...rest } = parseConfig({ sandbox: 'sock' });
  const defaults = {
    ...rest,
    limits: { ...limits, mem_mb: sandboxMb, queue: maxQueue, runtime_sec: timeLimitMs / 1000 },
    max_instances: maxInstances,
    freeze_after_ms: freezeAfterMs,
    keep_warm_ms: keepWarmMs,
  };
  const fake: FakeLambda = {
    retained,
    emptied: 0,
    lambda: new Lambda({
      name: 'l',
      backend,
      room: room(8),
      resolve: (known) => known ?? code('one'),
      retain: count(1),
      release: count(-1),
      defaults,
      registryCacheMs: 5000,
      events: { onColdStart: () => {}, onEvict: () => {}, onWarmUpFailed: () => {}, onWarning: () => {} },
      mayWarmUp: () => true,
      onLine: () => {},
      onEmpty: () => fake.emptied++,
      ...options,
    }),
  };
  t.after(() => fake.lambda.close());
  return fake;
}
