// Who may use the paths of the admin API: pure, decided from where a request came and what it says.
import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import type { AdminApi } from '../../config/admin-api.ts';
import { type ErrorCode, WorkerError } from '../../errors.ts';
import type { Exchange } from '../engine.ts';

/** Where the worker listens: who may connect to the socket is decided by its file's mode (0600). */
export type Via = 'tcp' | 'socket';

export interface AccessOptions {
  readonly adminApi: AdminApi;
  readonly token: string | undefined;
  /** The host that the worker listens on. */
  readonly host: string;
}

export type Access = (exchange: Pick<Exchange, 'client' | 'header' | 'headers'>, via: Via) => WorkerError | undefined;

/** Says why a request may not use the admin API, undefined when it may. Only while the handler of the exchange runs. */
export function adminAccess({ adminApi, token, host }: AccessOptions): Access {
  const right = token === undefined ? undefined : digest(token);
  return (exchange, via) => {
    if (via === 'socket') return undefined;
    if (adminApi === 'off') return new WorkerError('admin-off');
    if (isForeignPage(exchange)) return new WorkerError('admin-browser');
    const sent = sentToken(exchange);
    if (right !== undefined && sent !== '') return timingSafeEqual(digest(sent), right) ? undefined : new WorkerError('admin-token');
    const refusal: ErrorCode = right === undefined ? 'admin-local' : 'admin-token';
    if (!isLoopback(exchange.client) || isForwarded(exchange)) return new WorkerError(refusal);
    return isLocalName(hostName(exchange.header('host')), host) ? undefined : new WorkerError('admin-browser');
  };
}

/** Digests are of one length, which timingSafeEqual needs, and tell nothing of how much was right. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'latin1').digest();
}

function sentToken(exchange: Pick<Exchange, 'header'>): string {
  return exchange.header('x-admin-token') || (/^Bearer +(\S+) *$/i.exec(exchange.header('authorization'))?.[1] ?? '');
}

/**
 * A page of another site that makes a browser on this machine ask. Origin comes with what may change something, Sec-Fetch-Site with everything that a
 * browser sends to a loopback address; another port of localhost is `same-site`, and another site all the same.
 */
function isForeignPage(exchange: Pick<Exchange, 'header'>): boolean {
  if (!['', 'none', 'same-origin'].includes(exchange.header('sec-fetch-site'))) return true;
  const origin = exchange.header('origin');
  return origin !== '' && authority(origin) !== authority(`http://${exchange.header('host')}`);
}

/** Host and port in one spelling; where there is none (`null`), what equals no other. */
function authority(url: string): string | symbol {
  return URL.parse(url)?.host || Symbol();
}

/** What came through a proxy on this machine comes from a loopback address, whoever sent it. */
function isForwarded(exchange: Pick<Exchange, 'headers'>): boolean {
  return exchange.headers().some(([name]) => /^(forwarded|via|x-real-ip|x-forwarded(-.*)?)$/.test(name));
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

function hostName(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}

/**
 * A name that a page of another site cannot have got to point here (DNS rebinding). `0.0.0.0` is no such name: browsers take it for this machine.
 */
function isLocalName(name: string, host: string): boolean {
  if (name === 'localhost' || isLoopback(name)) return true;
  return name === host.toLowerCase() && name !== '0.0.0.0' && name !== '::';
}
