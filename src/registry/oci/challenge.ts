// What a server wants to see before it answers: the header WWW-Authenticate, as RFC 9110 has it.

export interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  /** By lower-case names. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** `name="quoted"`, or `name=token`, or a word alone, which is a scheme; commas between them. */
const piece = /[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/y;

/** Those in headers of that name. What is written wrongly ends what is read of one header. */
export function challenges(headers: readonly string[]): readonly Challenge[] {
  return headers.flatMap((header) => {
    const found: { scheme: string; parameters: Record<string, string> }[] = [];
    piece.lastIndex = 0;
    for (let match = piece.exec(header); match !== null; match = piece.exec(header)) {
      const [, name = '', quoted, token] = match;
      const value = quoted?.replace(/\\(.)/g, '$1') ?? token;
      if (value === undefined) found.push({ scheme: name.toLowerCase(), parameters: Object.create(null) });
      else (found.at(-1)?.parameters ?? {})[name.toLowerCase()] = value;
    }
    return found;
  });
}
