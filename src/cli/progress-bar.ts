// Shows how far a pull is: a bar that moves on a terminal, elsewhere a line for each layer.
import { type PullProgress, progressText } from '../registry/oci/progress.ts';

export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const barWidth = 24;
/** Nobody sees more, ms. */
const everyMs = 100;

/** What is to be told of one pull. `now`: of performance.now(). */
export function progressBar(screen: Screen, now: () => number = () => performance.now()): (progress: PullProgress) => void {
  return screen.isTTY === true ? bar(screen, now) : lines(screen);
}

function bar(screen: Screen, now: () => number): (progress: PullProgress) => void {
  let shownAt = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const ended = progress.at === 'done' || progress.at === 'failed';
    if (!ended && now() - shownAt < everyMs) return;
    shownAt = now();
    const line = `${progress.image} ${drawn(progress)} ${progress.at === 'failed' ? '' : progressText(progress)}`;
    screen.write(`\r\x1b[K${line.slice(0, (screen.columns ?? 80) - 1)}${ended ? '\n' : ''}`); // a line that wraps could not be drawn over
  };
}

function lines(screen: Screen): (progress: PullProgress) => void {
  let told = '';
  return (progress) => {
    const state = `${progress.at} ${progress.layers.done}`;
    if (state === told || progress.at === 'failed') return;
    told = state;
    screen.write(`${progress.image}: ${progress.at === 'done' ? 'it is on the node' : progressText(progress)}\n`);
  };
}

function drawn({ at, bytes, layers }: PullProgress): string {
  const { done, of } = bytes.of > 0 ? bytes : layers;
  const filled = at === 'done' ? barWidth : of === 0 ? 0 : Math.floor((done / of) * barWidth);
  return `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}]`;
}
