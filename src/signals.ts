// What tells the worker to stop.

export class Signals {
  /** The one that tells it to stop. */
  readonly first: Promise<NodeJS.Signals>;
  /** Whoever sends a second SIGINT or SIGTERM does not want to wait. */
  onSecond: ((signal: NodeJS.Signals) => void) | undefined;

  constructor() {
    this.first = new Promise((resolve) => {
      let told = false;
      const tell = (signal: NodeJS.Signals): void => {
        if (told) this.onSecond?.(signal);
        else resolve(signal);
        told = true;
      };
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, tell);
      // What `worker down` sends: as often as it likes, since who only wants it stopped cannot know whether somebody has said so before.
      process.on('SIGUSR2', (signal) => told || tell(signal));
    });
  }
}
