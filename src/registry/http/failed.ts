// What goes wrong between this node and a remote registry. A failed transfer says nothing about the code: what is on the node stays good.

export interface FailedOptions {
  /** Whether another attempt may fare better. */
  readonly again?: boolean;
  /** Milliseconds that the registry wants to be left alone. */
  readonly afterMs?: number | undefined;
  readonly cause?: unknown;
}

export class Failed extends Error {
  /** For the callers of lambdas: what "it", the registry, does wrong, and what to do about it. Names no host. */
  readonly detail: string;
  readonly again: boolean;
  readonly afterMs: number;

  /** `url`: what was asked for; of it, only what may be logged is. */
  constructor(url: URL, detail: string, { again = false, afterMs = 0, cause }: FailedOptions = {}) {
    super(`get ${shownUrl(url)}: ${detail}`, { cause });
    this.name = 'Failed';
    this.detail = detail;
    this.again = again;
    this.afterMs = afterMs;
  }
}

/** Without credentials, and without the query, in which signed URLs have theirs. */
export function shownUrl({ origin, pathname }: URL): string {
  return origin + pathname;
}

/** What an error of a connection means. */
export function failedConnection(url: URL, cause: unknown): Failed {
  if (cause instanceof Failed) return cause;
  const code = codeOf(cause);
  for (const [pattern, detail, again] of meanings) {
    if (pattern.test(code)) return new Failed(url, detail.replace('CODE', code), { again, cause });
  }
  return new Failed(url, 'the connection to it failed', { again: true, cause });
}

const meanings: readonly (readonly [code: RegExp, detail: string, again: boolean])[] = [
  [/^ENOTFOUND$/, 'its host name is not known (is the config key registry right?)', false],
  [/^EAI_/, 'its host name cannot be looked up now', true],
  [/^ECONNREFUSED$/, 'nothing listens there (does it run?)', true],
  [/^E(HOST|NET)UNREACH$/, 'there is no way to its host', true],
  [/^UND_ERR_CONNECT_TIMEOUT$|^ETIMEDOUT$/, 'it does not take connections in time', true],
  [/^UND_ERR_HEADERS_TIMEOUT$/, 'it does not answer in time', true],
  [/^UND_ERR_BODY_TIMEOUT$/, 'it has stopped sending in the middle of a package', true],
  [/^UND_ERR_(SOCKET|RES_CONTENT_LENGTH_MISMATCH)$|^ECONNRESET$|^EPIPE$/, 'it has cut the connection', true],
  [/^UND_ERR_HEADERS_OVERFLOW$|^HPE_|^HTTPParserError$/, 'what it answers is no HTTP (CODE)', false],
  [/CERT|SIGNATURE|ISSUER|^ERR_TLS/, 'its TLS certificate cannot be verified (CODE; registry_ca names a file with the CA)', false],
  [/^EPROTO$|^ERR_SSL/, 'it does not speak TLS as it should (CODE; is its URL http://?)', false],
];

/** Attempts on several addresses fail as one error that has none of its own. */
function codeOf(cause: unknown): string {
  if (cause instanceof AggregateError && !('code' in cause && typeof cause.code === 'string')) return codeOf(cause.errors[0]);
  if (!(cause instanceof Error)) return '';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}
