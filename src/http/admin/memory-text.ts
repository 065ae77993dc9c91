// Memory that a sandbox uses, in words for /debug.

/** With a decimal, since a sandbox shares most of what it has with its zygote. Undefined while it has no process yet. */
export function memoryText(bytes: number | undefined): string {
  return bytes === undefined ? 'memory not known yet' : `${(bytes / (1 << 20)).toFixed(1)} MiB used`;
}
