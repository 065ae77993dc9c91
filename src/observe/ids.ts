// Request ids: unique among all workers, cheap to make, not secret.
import { randomBytes } from 'node:crypto';

/** A maker of ids like `9f86d081884c-2s`: a random prefix a maker, and a counter. */
export function requestIds(): () => string {
  const prefix = randomBytes(6).toString('hex');
  let made = 0;
  return () => {
    made += 1;
    return `${prefix}-${made.toString(36)}`;
  };
}
