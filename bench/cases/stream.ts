// A large body through a lambda that sends it back as it comes: how much faster node:http alone is, and how much the worker grows meanwhile.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Case, Setting } from '../case.ts';
import { Helper } from '../helper.ts';
import { type Contender, interleave } from '../interleave.ts';
import type { CaseResult, Series } from '../result.ts';
import { type Server, startNodeServer } from '../servers.ts';
import { Worker } from '../worker.ts';

const source = `STREAM_BODY = True
def f(event, context):
    def chunks():
        while chunk := context.stream.read(65536):
            yield chunk
    return context.response(chunks())
`;

interface Stream extends Contender {
  /** By how many MB the server's peak was above what it had before its first stream, for each stream. */
  readonly grown: number[];
}

export const stream: Case = {
  title: '1 GB through an echo lambda and back',
  async run(setting): Promise<CaseResult> {
    const size = setting.quick ? 128e6 : 1e9;
    const worker = await Worker.start(setting, { freeze_after_ms: 60_000, limits: { body_mb: 1000 } }, { sources: { 'echo.py': source } });
    const program = setting.compile('stream');
    const open = (name: string, server: Server, path: string) => streams(setting, { name, program, server, path, size });
    const streamed = await open('echo lambda', worker, '/run/echo');
    const plain = await open('node:http alone', await startNodeServer(setting), '/');
    const speeds = await interleave([plain, streamed], { rounds: setting.rounds(5), warmUp: 0, unit: 'MB per second' });
    const growth = ({ name, grown }: Stream): Series => ({ name: `${name}, growth`, unit: 'MB', samples: grown });
    return {
      series: [...speeds, growth(plain), growth(streamed)],
      baseline: plain.name,
      targets: [{ text: 'growth of the worker at most, MB', value: Math.max(...streamed.grown), sense: 'at most', limit: 64 }],
      notes: [
        `${size / 1e6} MB a sample, checked byte by byte; growth: the peak of resident memory meanwhile, less what there was after one small call`,
      ],
    };
  },
};

interface StreamOptions {
  readonly name: string;
  readonly program: string;
  readonly server: Server;
  readonly path: string;
  readonly size: number;
}

async function streams(setting: Setting, { name, program, server, path, size }: StreamOptions): Promise<Stream> {
  const client = setting.own(new Helper([program, `${server.port}`, path]));
  await client.ask('10');
  const before = memory(server.pid, 'VmRSS');
  const grown: number[] = [];
  return {
    name,
    grown,
    async sample() {
      writeFileSync(`/proc/${server.pid}/clear_refs`, '5'); // the peak is what there is now
      const [us = Number.NaN] = await client.times(`${size}`);
      grown.push(memory(server.pid, 'VmHWM') - before);
      return [size / us];
    },
  };
}

/** MB. */
function memory(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  return (Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6;
}
