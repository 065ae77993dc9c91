// One registry: how it is reached, and how one gets in. Shared by all images from there.
import { Authorizer } from './authorizer.ts';
import { type CredentialOptions, credentialsFor } from './credentials.ts';
import { ImageError, quoted } from './image-error.ts';
import { apiHost } from './reference.ts';
import { type Answer, bodyOf, gathered, Plain, type Question, type Transport } from './transport.ts';

export interface RegistryHostOptions {
  readonly host: string;
  readonly transport: Transport;
  readonly credentials: CredentialOptions;
}

export interface RegistryQuestion extends Pick<Question, 'headers' | 'signal'> {
  readonly method: 'GET' | 'HEAD';
  readonly repository: string;
  /** `manifests/latest`, `blobs/sha256:…` */
  readonly path: string;
  /** What 404 means. */
  readonly absent: 'unknown' | 'unavailable';
}

const mostErrorBytes = 1 << 16;

export class RegistryHost {
  readonly #options: RegistryHostOptions;
  readonly #authorizer: Authorizer;
  #scheme: 'https' | 'http' = 'https';

  constructor(options: RegistryHostOptions) {
    const { host, transport, credentials } = options;
    this.#options = options;
    this.#authorizer = new Authorizer({ transport, credentials: () => credentialsFor(host, credentials) });
  }

  /** Any answer of 2xx. Throws an ImageError otherwise. */
  async ask(question: RegistryQuestion): Promise<Answer> {
    const { repository, signal } = question;
    const sent = this.#authorizer.header(repository);
    let answer = await this.#send(question, sent);
    if (answer.status === 401) {
      const authorization = await this.#authorizer.answer(answer, repository, sent, signal);
      if (authorization !== undefined) {
        answer.drop();
        answer = await this.#send(question, authorization);
      }
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw await this.#refusal(question, answer);
  }

  /** TLS is tried first, also where it need not be; what speaks none is asked without from then on. */
  async #send(question: RegistryQuestion, authorization: string | undefined): Promise<Answer> {
    const { host, transport } = this.#options;
    const { repository, path } = question;
    const send = (scheme: string) =>
      transport.send({ ...question, authorization, url: new URL(`${scheme}://${apiHost(host)}/v2/${repository}/${path}`) });
    const scheme = this.#scheme;
    try {
      return await send(scheme);
    } catch (error) {
      if (!(error instanceof Plain && scheme === 'https' && transport.mayBePlain(apiHost(host)))) throw error;
      this.#scheme = 'http';
      return await send('http');
    }
  }

  async #refusal({ repository, path, absent, signal }: RegistryQuestion, answer: Answer): Promise<ImageError> {
    const { status } = answer;
    const what = `get ${path} of ${this.#options.host}/${repository}`;
    const said = await text(answer, what, signal);
    if (status === 404) return new ImageError(absent, `${what}: there is none${said}`);
    const denied = status === 401 || status === 403;
    const hint = denied
      ? '; access is refused (registry_auth in the config, or docker login, say who this node is; credential helpers are not asked)'
      : '';
    return new ImageError('unavailable', `${what}: the answer is ${status}${said}${hint}`);
  }
}

/** What a registry says went wrong, for people. */
async function text(answer: Answer, what: string, signal: AbortSignal): Promise<string> {
  const body = await gathered(bodyOf(answer, what, signal), what, mostErrorBytes).catch(() => Buffer.of());
  try {
    return ` (${quoted(String(JSON.parse(body.toString('utf8')).errors[0].message))})`;
  } catch {
    return '';
  }
}
