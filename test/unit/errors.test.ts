// The table of errors: its codes and statuses are what clients, balancers and retries go by.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, WorkerError } from '../../src/errors.ts';

const statuses: Partial<Record<ErrorCode, number>> = {
  'lambda-name': 404,
  'lambda-unknown': 404,
  'sandbox-unknown': 404,
  'path-unknown': 404,
  'method-not-allowed': 405,
  'admin-token': 401,
  'admin-local': 403,
  'admin-off': 403,
  'admin-browser': 403,
  'request-invalid': 400,
  'head-late': 408,
  'body-late': 408,
  'body-too-large': 413,
  'query-invalid': 400,
  'event-invalid': 400,
  'sandbox-invalid': 400,
  'registry-name': 400,
  'upload-invalid': 400,
  'force-start': 400,
  'force-start-off': 403,
  'force-start-unmet': 409,
  'sandbox-paused': 409,
  'registry-read-only': 409,
  'registry-elsewhere': 409,
  'head-too-large': 431,
  'profile-refused': 409,
  'queue-full': 429,
  'client-gone': 499,
  'code-invalid': 500,
  'handler-raised': 500,
  'sandbox-unsupported': 501,
  'version-unknown': 505,
  'sandbox-died': 502,
  'sandbox-oom': 502,
  'reply-invalid': 502,
  'registry-unavailable': 503,
  'start-failed': 503,
  'backend-unavailable': 503,
  'no-room': 503,
  'no-instance': 503,
  'store-failed': 503,
  draining: 503,
  'registry-full': 507,
  'time-limit': 504,
  internal: 500,
};

test('each code has its status', () => {
  const are = Object.keys(statuses).map((code) => [code, new WorkerError(code as ErrorCode).status]);
  assert.deepEqual(Object.fromEntries(are), statuses);
});
