// The one table of errors that a caller of the worker can see: code (API), HTTP status, text (for people).
// Thrown anywhere below the front end, turned into a reply by http/, logged once there.

const table = {
  'lambda-name': [404, 'no such lambda: a name has letters, digits, ".", "_", "-" only'],
  'lambda-unknown': [404, 'no such lambda in the registry'],
  'sandbox-unknown': [404, 'no such sandbox: it was not made here, was destroyed, or has ended'],
  'path-unknown': [404, 'no such path; invoke with POST /runLambda/<name> or any method on /run/<name>'],
  'request-invalid': [400, 'this request cannot be read for sure'],
  'method-not-allowed': [405, 'HTTP method not allowed'],
  'admin-token': [401, "this path needs the worker's admin_token: Authorization: Bearer <admin_token>"],
  'admin-local': [
    403,
    'this path is for clients on the machine of the worker, not through a proxy; for others, set admin_token in its config and send it',
  ],
  'admin-off': [
    403,
    'this path is switched off over TCP, since others could reach it; use the socket ol.sock in the worker_dir (or set admin_token in the config, if admin_tcp is not off)',
  ],
  'admin-browser': [403, 'this path is not for pages of other sites (by the Origin, Sec-Fetch-Site or Host of the request)'],
  'head-late': [408, 'the head of the request did not come in time'],
  'body-late': [408, 'nothing more of the request body came in time'],
  'body-too-large': [413, 'the request body is over the limit'],
  'query-invalid': [400, 'the query of the request cannot be used'],
  'event-invalid': [400, 'the request body is not JSON'],
  'sandbox-invalid': [400, 'the sandbox cannot be made as asked'],
  'registry-name': [400, 'a lambda can be called by 1 to 240 letters, digits, ".", "_", "-", but not "." or ".."'],
  'upload-invalid': [400, 'the code package cannot be used, and nothing was changed'],
  'force-start': [400, 'X-Force-Start must be one of warm, thawed, standby, forked, spawned'],
  'force-start-off': [403, 'X-Force-Start is switched off on this worker (config key force_start)'],
  'force-start-unmet': [409, 'the start class asked for with X-Force-Start cannot be had now'],
  'sandbox-paused': [409, 'the sandbox is paused; call it after POST /unpause/<id>'],
  'registry-read-only': [409, 'the registry of this worker cannot be written to; change the code where it is kept'],
  'registry-elsewhere': [
    409,
    'the registry of this worker is not a directory of it: it can be neither listed nor changed here; change the code where it is kept',
  ],
  'head-too-large': [431, 'the head of the request is too large'],
  'profile-refused': [409, 'the profile cannot be made now'],
  'queue-full': [429, 'the queue of this lambda is full; try again later'],
  'client-gone': [499, 'the client went away'],
  'code-invalid': [500, 'the code package of this lambda cannot be used'],
  'handler-raised': [500, 'the handler raised an exception'],
  'version-unknown': [505, 'the versions of HTTP that are spoken here are 1.1 and 1.0'],
  'sandbox-unsupported': [501, 'this worker makes no sandboxes of this kind'],
  'sandbox-died': [502, 'the sandbox ended before it answered'],
  'sandbox-oom': [502, 'the sandbox was ended because it went over its memory limit (OOM)'],
  'reply-invalid': [502, 'the sandbox answered something that is no reply'],
  'registry-unavailable': [503, 'the registry cannot be read now'],
  'store-failed': [503, 'this worker cannot store the code of the lambda'],
  'start-failed': [503, 'a sandbox could not be started'],
  'backend-unavailable': [503, 'sandboxes cannot be made now: the engine that makes them does not answer; try again later'],
  'no-room': [503, 'no room for another sandbox'],
  'no-instance': [503, 'no instance of this lambda became free in time'],
  draining: [503, 'this worker is stopping'],
  'registry-full': [507, 'the registry of this worker has no space left'],
  'time-limit': [504, 'the handler went over its time limit'],
  internal: [500, 'the worker failed; details are in its log under the request id'],
} as const satisfies Record<string, readonly [status: number, text: string]>;

export type ErrorCode = keyof typeof table;

export interface WorkerErrorOptions {
  /** For the caller: never a host path, pid or cgroup name. */
  readonly detail?: string;
  /** For the log. */
  readonly cause?: unknown;
  /** Of method-not-allowed. */
  readonly methods?: Methods;
}

export interface Methods {
  readonly sent: string;
  readonly allowed: readonly string[];
}

/** An error with a place in the table. */
export class WorkerError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly methods: Methods | undefined;

  constructor(code: ErrorCode, options: WorkerErrorOptions = {}) {
    super(options.detail === undefined ? table[code][1] : `${table[code][1]}: ${options.detail}`, { cause: options.cause });
    this.name = 'WorkerError';
    this.code = code;
    this.detail = options.detail;
    this.methods = options.methods;
  }

  get status(): number {
    return table[this.code][0];
  }
}

/** `cause` as a WorkerError: itself, or wrapped as `internal`. */
export function asWorkerError(cause: unknown): WorkerError {
  return cause instanceof WorkerError ? cause : new WorkerError('internal', { cause });
}
