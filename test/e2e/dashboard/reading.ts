// What the page shows, read as its reader would: by headings, heads of columns, labels.

/** The cells of a table's body, row by row, as text. Expressions for the page. */
export const cells = (id: string): string =>
  `[...document.querySelectorAll('#${id} > tr')].map((tr) => [...tr.cells].map((cell) => cell.innerText.trim()))`;

/** The description of a term. */
export const term = (id: string, name: string): string =>
  `[...document.querySelectorAll('#${id} dt')].find((dt) => dt.textContent === ${JSON.stringify(name)})?.nextSibling.textContent`;

export const text = (id: string): string => `document.getElementById('${id}').textContent`;

/** The row of a table whose first cell begins with `name`, undefined when there is none. */
export const rowOf = (id: string, name: string): string => `${cells(id)}.find(([first]) => first.startsWith(${JSON.stringify(name)}))`;
