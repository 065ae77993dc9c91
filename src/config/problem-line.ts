// One thing that is wrong with a config, in words. (Without the schema, which takes longer to load than some commands may take.)

export type Path = readonly PropertyKey[];

export function problemLine(path: Path, expectation: string, got: string | undefined): string {
  return `${keyText(path)}expected ${expectation}${got === undefined ? '' : `, got ${got}`}`;
}

/** A value as JSON, cut when it is long. It must have no circle. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  return cut(JSON.stringify(value) ?? String(value));
}

const longest = 60;

/** Nothing is before what is said of the whole: whoever tells it says what that is. */
function keyText(path: Path): string {
  const text = path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const name = String(key);
    return `${text}${text === '' ? '' : '.'}${/^[\w$.-]{1,60}$/.test(name) ? name : cut(JSON.stringify(name))}`;
  }, '');
  return text === '' ? '' : `${text}: `;
}

function cut(text: string): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
