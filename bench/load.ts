// Many clients at once: wrk where it is installed, else baseline/load.c.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Setting } from './case.ts';
import { Helper } from './helper.ts';
import type { Contender } from './interleave.ts';
import { Requester } from './requester.ts';
import { lambda } from './worker.ts';

export interface LoadOptions {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly clients: number;
  /** A sample takes about this long. */
  readonly seconds: number;
  readonly wrk: string | undefined;
}

/** Samples are requests per second. */
export function loader(setting: Setting, options: LoadOptions): Contender {
  return options.wrk === undefined ? own(setting, options) : wrk(setting, options, options.wrk);
}

function wrk(setting: Setting, { name, port, path, clients, seconds }: LoadOptions, program: string): Contender {
  const script = join(setting.directory, 'post.lua');
  writeFileSync(script, `wrk.method = "POST"\nwrk.body = '${lambda.body}'\nwrk.headers["content-type"] = "application/json"\n`);
  // wrk knows nothing of the replies but their status: one client looks at them first.
  const check = new Requester(setting, {
    program: setting.compile('request'),
    name,
    port,
    path,
    force: '',
    expected: lambda.expected,
    times: 10,
  });
  return {
    name,
    async sample() {
      await check.sample();
      const args = ['-t1', `-c${clients}`, `-d${seconds}s`, '-s', script, `http://127.0.0.1:${port}${path}`];
      const { stdout } = await promisify(execFile)(program, args, { encoding: 'utf8' });
      const rate = Number(/Requests\/sec:\s*([\d.]+)/.exec(stdout)?.[1]);
      if (!(rate > 0) || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk against ${name}:\n${stdout}`);
      return [rate];
    },
  };
}

function own(setting: Setting, { name, port, path, clients, seconds }: LoadOptions): Contender {
  const helper = setting.own(new Helper([setting.compile('load'), `${port}`, `${clients}`, path, '', lambda.body, lambda.expected]));
  let count = 2000;
  return {
    name,
    async sample() {
      const [us = Number.NaN] = await helper.times(`0 ${count}`);
      const rate = (count * 1e6) / us;
      count = Math.ceil(rate * seconds); // the first sample, a warm-up, is a guess
      return [rate];
    },
  };
}
