// s3://bucket/prefix as a remote registry: the address of its objects, and the signature of each question (AWS Signature Version 4, by aws4fetch).
import type { Remote } from './remote.ts';

/** The variables that AWS's own programs take. */
export type S3Environment = Readonly<Partial<Record<(typeof names)[number], string>>>;

const names = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_ENDPOINT_URL_S3',
  'AWS_ENDPOINT_URL',
] as const;

/** `location`: a checked s3:// URL. Throws an Error for the operator. */
export function s3Remote(location: string, environment: S3Environment): Remote {
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '', AWS_SESSION_TOKEN: sessionToken } = environment;
  if (accessKeyId === '' || secretAccessKey === '') {
    const reason = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not in the environment';
    throw new Error(`open the registry "${location}": ${reason} (a public bucket is read by its https:// URL)`);
  }
  const region = environment.AWS_REGION || environment.AWS_DEFAULT_REGION || 'us-east-1';
  const credentials = { accessKeyId, secretAccessKey, service: 's3', region, ...(sessionToken ? { sessionToken } : {}) };
  return {
    base: address(location, region, environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL),
    authorize: async (url) => {
      const { AwsV4Signer } = await import('aws4fetch');
      const { headers } = await new AwsV4Signer({ ...credentials, method: 'GET', url: url.href }).sign();
      return Object.fromEntries(headers);
    },
    advice: `check the AWS_… variables of the worker's environment, and that they may s3:GetObject (region ${region})`,
  };
}

/** Of AWS by the bucket's host, unless no certificate is good for that; elsewhere by the path, which every server understands. */
function address(location: string, region: string, endpoint: string | undefined): URL {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/*(.*?)\/*$/i.exec(location) ?? [];
  const path = prefix === '' ? '' : `${prefix.split('/').map(encoded).join('/')}/`;
  if (endpoint) return new URL(`${endpointUrl(endpoint).href.replace(/\/+$/, '')}/${bucket}/${path}`);
  const domain = `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  return new URL(bucket.includes('.') ? `https://${domain}/${bucket}/${path}` : `https://${bucket}.${domain}/${path}`);
}

function endpointUrl(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === '') return url;
  throw new Error('read AWS_ENDPOINT_URL: expected a URL like https://s3.example.org, without user, "?" and "#"');
}

/** As the signature has it. */
function encoded(segment: string): string {
  return encodeURIComponent(segment).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
