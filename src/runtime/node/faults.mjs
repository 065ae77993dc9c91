// An error as the lambda's author knows it.
import { inspect } from 'node:util';

const ours = new URL('.', import.meta.url).href;
const options = { maxStringLength: 16_384, maxArrayLength: 20 };

/** The stack, with what it was caused by, without this runtime's own frames. */
export function report(error) {
  try {
    const lines = inspect(error, options).split('\n');
    return lines.filter((line) => !/^\s+at /.test(line) || !line.includes(ours)).join('\n');
  } catch {
    return 'an error that cannot be shown'; // its own code is called for that
  }
}
