// The HTTP floor: the worker's own front end engine, in a process of its own, answering every POST by itself with the same reply.
// argv: the reply's body. Prints its port; ends with its stdin.
import { uwsEngine } from '../src/http/uws.ts';

const reply = Buffer.from(process.argv[2] ?? '');
const headers = [['content-type', 'application/json']] as const;
const engine = uwsEngine((cause) => {
  throw cause;
});
const listening = await engine.listen({
  host: '127.0.0.1',
  port: 0,
  handler: (exchange) =>
    exchange.readBody({
      limit: 1 << 20,
      enough: 1 << 20,
      begin: () => exchange.reply(200, headers, reply),
      refused: () => exchange.reply(413, headers, reply),
    }),
});
process.stdout.write(`${JSON.stringify({ port: listening.port })}\n`);
process.stdin.resume().once('end', () => listening.closeAll());
