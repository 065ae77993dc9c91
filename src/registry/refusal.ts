// The two ways in which reading a package ends early without anything being broken on this node.

/** The package is not acceptable. The message is for the caller: it names the member and the reason, never a host path. */
export class Refusal extends Error {
  constructor(reason: string, member?: string, cause?: unknown) {
    super(member === undefined ? reason : `member ${quoted(member)} ${reason}`, { cause });
    this.name = 'Refusal';
  }
}

/** The package changed while it was read: read it again. */
export class Changed extends Error {}

/** Names come from the package, so they are escaped and cut. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
