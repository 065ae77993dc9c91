// The waterfall as numbers: what is written, and what is drawn.

export interface Drawn {
  readonly name: string;
  readonly tenths: number;
  /** Shares of the whole width. */
  readonly left: number;
  readonly width: number;
}

/** An expression for the page: `{ shown: Drawn[], sum }`, times in tenths of a microsecond. */
export const phases = `(() => {
  const tenths = (text) => Math.round(Number(text.replaceAll(',', '')) * 10);
  const shown = [...document.querySelectorAll('#phases tr')].map((tr) => {
    const [cell, bar] = [tr.cells[1].getBoundingClientRect(), tr.cells[1].firstChild.getBoundingClientRect()];
    return { name: tr.cells[0].innerText, tenths: tenths(tr.cells[2].innerText), left: (bar.left - cell.left) / cell.width, width: bar.width / cell.width };
  });
  return { shown, sum: tenths(document.getElementById('phases-sum').innerText) };
})()`;
