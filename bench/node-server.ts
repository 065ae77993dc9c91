// What streams cost where no lambda is: node:http, in a process of its own. POST answers with the body as it comes; GET sends events, with the time
// of CLOCK_MONOTONIC in each. The query has `count` and `gapMs`. Prints its port; ends with its stdin.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

const server = createServer((req, res) => {
  if (req.method === 'POST') {
    pipeline(req, res).catch(() => res.destroy());
    return;
  }
  const query = new URL(req.url ?? '', 'http://bench').searchParams;
  let left = Number(query.get('count'));
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  const timer = setInterval(
    () => {
      res.write(`data: ${process.hrtime.bigint()}\n\n`);
      if (--left > 0) return;
      clearInterval(timer);
      res.end();
    },
    Number(query.get('gapMs')),
  );
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`));
process.stdin.resume().once('end', () => {
  server.close();
  server.closeAllConnections();
});
