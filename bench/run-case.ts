// The process of one case: argv is its name and perhaps --quick. Sends the result to the process that started it.
import { Setting } from './case.ts';
import { cases } from './cases.ts';

const [name = '', ...flags] = process.argv.slice(2);
const setting = new Setting(flags.includes('--quick'));
// Interrupted, the case ends at its next wait, and leaves nothing.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void setting.close().then(() => process.exit(130)));
try {
  const result = await cases[name]?.run(setting);
  await setting.close();
  process.send?.(result);
} catch (error) {
  process.stderr.write(`bench ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  await setting.close();
  process.exitCode = 1;
}
process.disconnect?.();
