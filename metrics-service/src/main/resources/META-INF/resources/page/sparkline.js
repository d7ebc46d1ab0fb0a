/** A curve as small as a word, from 0 up: its numbers stand beside it. */
import { drawing } from './dom.js';
import { percent } from './format.js';

const WIDTH = 160;
const HEIGHT = 40;
const MARGIN = 2;

export class Sparkline {
  constructor(title) {
    this.title = title;
    this.node = drawing('svg', { class: 'sparkline', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': title });
  }

  /** Shows lines of fractions, each {label, style, dashed, points: [{x, y}]} with points in the order of x. */
  show(lines) {
    const drawn = lines.filter(({ points }) => points.length > 0);
    const shown = JSON.stringify(drawn);
    if (this.shown === shown) {
      return;
    }
    this.shown = shown;
    // Attribute and property: hidden is none of SVG's.
    this.node.toggleAttribute('hidden', drawn.length === 0);
    const last = Math.max(1, ...drawn.map(({ points }) => points.at(-1).x));
    const top = Math.max(Number.MIN_VALUE, ...drawn.flatMap(({ points }) => points.map(({ y }) => y)));
    const across = (x) => MARGIN + (WIDTH - 2 * MARGIN) * (x / last);
    const down = (y) => HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (y / top);
    const at = ({ x, y }) => `${across(x).toFixed(1)},${down(y).toFixed(1)}`;
    this.node.replaceChildren(
      drawing('line', { class: 'axis', x1: 0, y1: HEIGHT - 0.5, x2: WIDTH, y2: HEIGHT - 0.5 }),
      ...drawn.flatMap(({ style, dashed, points }) => [
        drawing('polyline', { class: `${style}${dashed ? ' dashed' : ''}`, points: points.map(at).join(' ') }),
        drawing('circle', { class: style, cx: across(points.at(-1).x).toFixed(1), cy: down(points.at(-1).y).toFixed(1), r: 2.5 }),
      ]));
    const words = drawn.map(({ label, points }) => `${label} from ${percent(points[0].y)} to ${percent(points.at(-1).y)}`).join(', ');
    this.node.setAttribute('aria-label', `${this.title}: ${words || 'nothing yet'}`);
  }
}
