// Medians and quantiles of samples. Never means: on a shared machine one stolen time slice would move them.

/** The sample below which the share `q` of all lies (nearest rank); NaN when there is none. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}
