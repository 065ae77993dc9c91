// Goes through all that a first request goes through, with a handler of its own and a channel that leads nowhere: afterwards the code of that way
// is compiled, what it needs of Node is loaded, and its page faults are behind this process.
import { flag, headBytes, putHead, type } from './channel.mjs';

const times = 3;

export async function rehearse(leaf) {
  process.stdout.write('');
  process.stderr.write('');
  for (let number = 1; number <= times; number++) {
    const ended = new Promise((resolve) => {
      leaf.write = (frame) => {
        if (frame[5] === type.end) resolve();
      };
    });
    leaf.frames.take(request(number));
    await ended;
  }
}

function request(number) {
  const head = JSON.stringify({ id: 'none', method: 'POST', path: '/a%20b', query: 'c=d', headers: [['e', 'f']], deadline: 1 });
  const body = '{"x":1}';
  const size = 2 + head.length + body.length;
  const frame = Buffer.alloc(headBytes + size);
  const at = frame.writeUInt16LE(head.length, putHead(frame, 0, size, type.request, number, flag.last));
  frame.write(head + body, at);
  return frame;
}
