// A minimal S3: objects by path, and each signature computed anew from what came over the wire (AWS Signature Version 4, as its documents have it).
import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type Files, serving } from './site.ts';

export interface S3Options {
  /** By path as it is sent: `/bucket/key`, percent-encoded. */
  readonly objects: Files;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly region: string;
}

export function s3(options: S3Options): RequestListener {
  const objects = serving(options.objects);
  return (request, response) => {
    const problem = unsigned(request, options);
    if (problem === undefined) objects(request, response);
    else refuse(response, problem);
  };
}

function refuse(response: ServerResponse, problem: string): void {
  response.writeHead(403, { 'content-type': 'application/xml', 'x-problem': problem });
  response.end(`<?xml version="1.0"?><Error><Code>${problem}</Code></Error>`);
}

/** Why the question is not signed as it should be. */
function unsigned({ method = '', url = '', headers }: IncomingMessage, options: S3Options): string | undefined {
  const { accessKeyId, secretAccessKey, sessionToken, region } = options;
  const form = /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
  const [, credential = '', signedHeaders = '', signature] = form.exec(headers.authorization ?? '') ?? [];
  const time = String(headers['x-amz-date']);
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  if (credential !== `${accessKeyId}/${scope}`) return 'InvalidAccessKeyId';
  const at = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(Date.now() - at) < 15 * 60_000)) return 'RequestTimeTooSkewed';
  if (headers['x-amz-security-token'] !== sessionToken) return 'InvalidToken';
  const names = signedHeaders.split(';');
  const all = Object.keys(headers).filter((name) => name === 'host' || name.startsWith('x-amz-'));
  if (all.some((name) => !names.includes(name))) return 'UnsignedHeader';
  const [path = '', query = ''] = url.split('?');
  const lines = names.map((name) => `${name}:${String(headers[name]).trim()}\n`).join('');
  const canonical = [method, path, query, lines, signedHeaders, String(headers['x-amz-content-sha256'])].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical).digest('hex')].join('\n');
  const key = scope.split('/').reduce<string | Buffer>((above, part) => hmac(above, part), `AWS4${secretAccessKey}`);
  return hmac(key, toSign).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
