// The text of an ol.yaml as plain values. The one file that knows the YAML library. The text is hostile: what it costs to read is bounded, and
// no message repeats a piece of it that could be a value (callers see the messages, and values may be secrets).
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  visit,
  type YAMLError,
} from 'yaml';

export interface YamlText {
  readonly value: unknown;
  /**
   * The entries of the top-level mapping `key`, scalars as they are written (`1.10` is "1.10", as OpenLambda passes it), null as "";
   * undefined for what is no scalar. No entries when `key` is absent or no mapping.
   */
  written(key: string): readonly (readonly [name: string, text: string | undefined])[];
}

/** Reads one document of YAML 1.2 with the core schema: no other tags, no merge keys, string keys. Throws YamlProblems. */
export function readYaml(text: string): YamlText {
  if (Buffer.byteLength(text) > maxBytes) throw new YamlProblems([`expected at most ${maxBytes >> 10} KiB of text`]);
  try {
    const document = parsed(text);
    const value: unknown = document.toJS({ maxAliasCount: maxAliases });
    return { value, written: (key) => entries(document, key) };
  } catch (cause) {
    if (cause instanceof ReferenceError)
      throw new YamlProblems(['an alias (*name) has no anchor (&name) before it, or aliases multiply each other'], { cause });
    throw cause;
  }
}

/** One line each. */
export class YamlProblems extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options);
    this.problems = problems;
  }
}

const maxBytes = 64 << 10;
const maxProblems = 5;
/** Levels of nesting, or a few less: an ol.yaml needs 5. At the end of the stack V8 may abort the process (when it compiles a RegExp there). */
const maxDepth = 32;
/** 64 KiB of signs took 0.2 s; these take 0.03 to 0.1. */
const maxLexemes = 20_000;
/** The library searches all anchors for each alias. */
const maxAliases = 20;
/** The library compares each key of a mapping with all before it: 16,000 keys took over a second. */
const maxComparisons = 1_000_000;

function parsed(text: string): Document.Parsed {
  const lines = new LineCounter();
  const composer = new Composer({
    version: '1.2',
    schema: 'core', // given, so that a %YAML directive does not choose another
    merge: false,
    resolveKnownTags: false,
    stringKeys: true,
    uniqueKeys: boundedComparison(),
  });
  const [document, second] = composer.compose(shallow(text, lines), true, text.length) as Iterable<Document.Parsed>;
  if (document === undefined || second !== undefined) throw new YamlProblems(['expected one document']);
  const wrong = [...document.errors, ...document.warnings].slice(0, maxProblems);
  if (wrong.length > 0) throw new YamlProblems(wrong.map((error) => told(error, lines)));
  let aliases = 0;
  visit(document, { Alias: () => (++aliases > maxAliases ? visit.BREAK : undefined) });
  if (aliases > maxAliases) throw new YamlProblems([`expected at most ${maxAliases} aliases (*name)`]);
  return document;
}

/** The tokens of the text. What comes after this step walks them recursively; this one does not. */
function* shallow(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > maxDepth) throw new YamlProblems(['nested too deeply']);
    if (++lexemes > maxLexemes) throw new YamlProblems([`expected at most ${maxLexemes} words, signs and line ends`]);
  }
  yield* parser.end();
}

function boundedComparison(): (a: unknown, b: unknown) => boolean {
  let left = maxComparisons;
  return (a, b) => {
    if (--left < 0) throw new YamlProblems(['expected fewer keys']);
    return a === b || (isScalar(a) && isScalar(b) && a.value === b.value);
  };
}

function entries(document: Document.Parsed, key: string): readonly (readonly [string, string | undefined])[] {
  const node = resolved(document, isMap(document.contents) ? document.contents.get(key, true) : undefined);
  if (!isMap(node)) return [];
  return node.items.map(({ key: name, value }) => [isScalar(name) ? String(name.value) : '', scalarText(resolved(document, value))]);
}

function resolved(document: Document.Parsed, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document as Document<Node>) : node;
}

function scalarText(node: unknown): string | undefined {
  if (node === null) return '';
  if (!isScalar(node)) return undefined;
  if (typeof node.value === 'string') return node.value;
  return node.value === null ? '' : (node.source ?? String(node.value));
}

function told(error: YAMLError, lines: LineCounter): string {
  const { line, col } = lines.linePos(error.pos[0]);
  const words = error.message.replace(/(?<=[\w)]): .*$/s, '').slice(0, 120);
  return `line ${line}, column ${col}: ${words}`;
}
