// Gets into one registry: what its challenge asks for, from who this node is to it. Tokens are kept until they end.
import { authorization, type Credentials as Configured } from '../http/remote.ts';
import { type Challenge, challenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { ImageError, quoted } from './image-error.ts';
import { type Answer, bodyOf, gathered, mayLead, type Transport } from './transport.ts';

export interface AuthorizerOptions {
  readonly transport: Transport;
  credentials(): Credentials | undefined;
}

interface Token {
  readonly authorization: string;
  /** Of performance.now(). */
  readonly until: number;
}

interface TokenQuestion {
  readonly repository: string;
  readonly bearer: Challenge;
  readonly credentials: Credentials | undefined;
  readonly signal: AbortSignal;
}

const mostTokenBytes = 1 << 20;
/** A token that says nothing of it lasts a minute (distribution's token specification), and none is used in its last moments. */
const defaultSeconds = 60;
const marginMs = 5000;

export class Authorizer {
  readonly #options: AuthorizerOptions;
  /** By repository. */
  readonly #tokens = new Map<string, Token>();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** What goes with a request at once. */
  header(repository: string): string | undefined {
    const token = this.#tokens.get(repository);
    return token !== undefined && performance.now() < token.until ? token.authorization : undefined;
  }

  /** What a request needs that was answered 401 when it had `sent`; undefined when there is nothing to say that was not said. */
  async answer(refused: Answer, repository: string, sent: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    const current = this.header(repository);
    if (current !== undefined && current !== sent) return current; // another request has got it meanwhile
    this.#tokens.delete(repository);
    const asked = challenges(refused.headers('www-authenticate'));
    const credentials = this.#options.credentials();
    const bearer = asked.find(({ scheme }) => scheme === 'bearer');
    const token =
      credentials !== undefined && 'token' in credentials
        ? lasting(credentials)
        : bearer !== undefined
          ? await this.#fetched(tokenServer(refused, bearer), { repository, bearer, credentials, signal })
          : credentials !== undefined && 'username' in credentials && asked.some(({ scheme }) => scheme === 'basic')
            ? lasting(credentials)
            : undefined;
    if (token === undefined || token.authorization === sent) return undefined;
    this.#tokens.set(repository, token);
    return token.authorization;
  }

  async #fetched(url: URL, { repository, bearer, credentials, signal }: TokenQuestion): Promise<Token> {
    const { service, scope = `repository:${repository}:pull` } = bearer.parameters;
    const answer = await this.#options.transport.send({ ...question(url, { service, scope }, credentials), signal });
    const body = await gathered(bodyOf(answer, `the token from ${url.origin}`, signal), `the token from ${url.origin}`, mostTokenBytes);
    if (answer.status !== 200)
      throw new ImageError('unavailable', `get a token from ${url.origin}: the answer is ${answer.status} ${quoted(body.toString())}`);
    return tokenOf(url, body);
  }
}

function tokenServer({ url }: Answer, { parameters: { realm = '' } }: Challenge): URL {
  if (URL.canParse(realm) && mayLead(url, new URL(realm))) return new URL(realm);
  throw new ImageError('unavailable', `get a token: ${url.origin} names ${quoted(realm)} as its token server, where it cannot send one`);
}

/** With an identity token by OAuth2 (POST), else by GET: both as distribution's token specification has them. */
function question(url: URL, { service, scope }: { service: string | undefined; scope: string }, credentials: Credentials | undefined) {
  if (credentials !== undefined && 'identityToken' in credentials) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credentials.identityToken,
      client_id: 'sock-worker',
      scope,
    });
    if (service !== undefined) form.set('service', service);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url, headers, body: form.toString() } as const;
  }
  if (service !== undefined) url.searchParams.set('service', service);
  for (const one of scope.split(' ')) url.searchParams.append('scope', one);
  return {
    method: 'GET',
    url,
    authorization: credentials !== undefined && 'username' in credentials ? authorization(credentials) : undefined,
  } as const;
}

function tokenOf(url: URL, body: Buffer): Token {
  const began = performance.now();
  let fields: { token?: unknown; access_token?: unknown; expires_in?: unknown };
  try {
    fields = Object(JSON.parse(body.toString('utf8')));
  } catch (cause) {
    throw new ImageError('unavailable', `get a token from ${url.origin}: the answer is no JSON`, cause);
  }
  const token = fields.token ?? fields.access_token;
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw new ImageError('unavailable', `get a token from ${url.origin}: there is none in the answer`);
  const seconds = typeof fields.expires_in === 'number' ? Math.max(0, fields.expires_in) : defaultSeconds;
  return { authorization: `Bearer ${token}`, until: began + seconds * 1000 - marginMs };
}

function lasting(credentials: Configured): Token {
  return { authorization: authorization(credentials), until: Number.POSITIVE_INFINITY };
}
