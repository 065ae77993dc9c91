// What is true of lambdas and sandboxes at the moment, as gauges for /metrics.
import type { CatalogStatus } from '../../lambda/catalog.ts';
import type { LambdaDetails } from '../../lambda/details.ts';
import type { Gauge } from '../../observe/prometheus.ts';

export interface Now {
  readonly catalog: CatalogStatus;
  readonly lambdas: readonly Pick<LambdaDetails, 'name' | 'queued'>[];
  /** Evictions by reason, since the start. */
  readonly evictions: ReadonlyMap<string, number>;
  readonly standbys: number;
  readonly lambdaZygotes: number;
}

export function gauges({ catalog, lambdas, evictions, standbys, lambdaZygotes }: Now): readonly Gauge[] {
  const { busy, idle, frozen, inFlight, queued, room } = catalog;
  const sandboxes = (state: string, value: number): Gauge => ({
    name: 'sock_sandboxes',
    help: 'Sandboxes by state.',
    labels: { state },
    value,
  });
  const plain = (name: string, help: string, value: number): Gauge => ({ name, help, value });
  return [
    sandboxes('busy', busy),
    sandboxes('idle', idle),
    sandboxes('frozen', frozen),
    sandboxes('standby', standbys),
    plain('sock_calls_in_flight', 'Calls that were accepted and have no answer yet.', inFlight),
    plain('sock_calls_queued', 'Calls that wait for code or an instance.', queued),
    // Of those that have any: most have none, and a lambda is a series.
    ...lambdas
      .filter((lambda) => lambda.queued > 0)
      .map(({ name, queued: value }) => ({
        name: 'sock_queue_depth',
        help: 'Calls that wait, by lambda.',
        labels: { lambda: name },
        value,
      })),
    plain('sock_memory_budget_bytes', 'Memory that sandboxes may have together.', room.mostBytes),
    plain('sock_memory_taken_bytes', 'Memory that sandboxes count for.', room.takenBytes),
    plain('sock_lambda_zygotes', 'Zygotes with the handler of one lambda.', lambdaZygotes),
    ...[...evictions].map(([reason, value]) => ({
      name: 'sock_evictions_total',
      help: 'Instances that were ended for others, by reason.',
      type: 'counter' as const,
      labels: { reason },
      value,
    })),
  ];
}
