/** A figure by layer and step, as colours: readable with fifty layers and more. */
import { Figure, colour } from './charts.js';
import { element, setText } from './dom.js';
import { about } from './format.js';

const LEFT = 96;
const BOTTOM = 36;
const TOP = 24;
const LEAST_HEIGHT = 160;
const MOST_HEIGHT = 660;
const ROW_HEIGHT = 13;
const LABEL_HEIGHT = 11;
const SCALE = ['heat-low', 'heat-middle', 'heat-high'];

/**
 * data(choice) gives {layers, steps, values, least, most, unit}: the layers from the input on, ascending steps, and values[layer][step], null where
 * there is none. choices() gives the measures that can be shown, one of which data(choice) is asked for. id names the figure's
 * parts.
 */
export class HeatMap extends Figure {
  #cell = null;
  #resized = new ResizeObserver(() => this.draw());

  constructor({ id, title, choices, data }) {
    super(title, []);
    this.choices = choices;
    this.data = data;
    this.select = element('select', { change: () => this.update() });
    this.readout = element('p', { id: `${id}-cell`, class: 'muted readout', 'aria-live': 'polite' });
    this.frame = this.canvas.parentElement;
    this.frame.before(element('label', { class: 'choice' }, 'measure ', this.select));
    this.frame.after(this.readout);
    this.canvas.setAttribute('tabindex', '0');
    this.canvas.setAttribute('aria-describedby', this.readout.id);
    this.canvas.addEventListener('pointermove', (event) => this.#point(event));
    this.canvas.addEventListener('pointerleave', () => this.#show(null));
    this.canvas.addEventListener('keydown', (event) => this.#move(event));
    this.#resized.observe(this.frame);
  }

  close() {
    this.#resized.disconnect();
    super.close();
  }

  get chosen() {
    return this.select.value;
  }

  update() {
    const choices = this.choices();
    this.node.hidden = choices.length === 0;
    if (choices.length === 0) {
      return;
    }
    if (choices.join() !== [...this.select.options].map(({ value }) => value).join()) {
      const before = this.select.value;
      this.select.replaceChildren(...choices.map((choice) => element('option', {}, choice)));
      this.select.value = choices.includes(before) ? before : choices[0];
    }
    const data = this.data(this.chosen);
    this.#paint(data);
    const words = `${data.layers.length} layers at ${data.steps.length} steps, from ${about(data.least)} to ${about(data.most)}`
      + (data.unit === '1' || !data.unit ? '' : ` ${data.unit}`);
    setText(this.caption, ` ${this.chosen}: ${words}`);
    this.describe(`${this.chosen}, ${words}`);
    this.canvas.dataset.points = data.layers.length * data.steps.length;
  }

  #paint(data) {
    const { layers, steps, values, least, most } = data;
    const height = Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, layers.length * ROW_HEIGHT + TOP + BOTTOM));
    this.frame.style.height = `${height}px`;
    const width = this.frame.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext('2d');
    context.scale(ratio, ratio);
    this.grid = { left: LEFT, top: TOP, width: width - LEFT - 4, height: height - TOP - BOTTOM, data };
    const { grid } = this;
    const row = grid.height / layers.length;
    const scale = SCALE.map((name) => channels(colour(name)));
    values.forEach((ofLayer, layer) => ofLayer.forEach((value, step) => {
      if (value !== null) {
        const [from, to] = this.#span(step);
        context.fillStyle = shade(scale, most > least ? (value - least) / (most - least) : 0.5);
        // A pixel of overlap, so that no gap shines through.
        context.fillRect(from, grid.top + layer * row, to - from + 0.5, row + (row < 4 ? 0.5 : -0.5));
      }
    }));
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'middle';
    context.fillStyle = colour('text');
    context.textAlign = 'right';
    const every = Math.ceil(LABEL_HEIGHT / row);
    layers.forEach((layer, index) => {
      if (index % every === 0) {
        context.fillText(layer.length > 15 ? `…${layer.slice(-14)}` : layer, grid.left - 6, grid.top + (index + 0.5) * row, grid.left - 8);
      }
    });
    context.fillStyle = colour('muted');
    context.textAlign = 'center';
    let labelled = -Infinity;
    steps.forEach((step, index) => {
      const [from, to] = this.#span(index);
      const at = (from + to) / 2;
      if (at - labelled > 56) {
        labelled = at;
        context.fillText(String(step), Math.min(at, width - 16), grid.top + grid.height + 10);
      }
    });
    context.fillText('step', grid.left + grid.width / 2, grid.top + grid.height + 26);
    this.#paintScale(context, scale, least, most);
    if (this.#cell !== null) {
      this.#mark(context, row);
    }
  }

  #paintScale(context, scale, least, most) {
    const { grid } = this;
    const width = Math.min(160, grid.width / 3);
    const left = grid.left + grid.width - width - 56;
    for (let x = 0; x < width; x += 1) {
      context.fillStyle = shade(scale, x / width);
      context.fillRect(left + x, 6, 1.5, 9);
    }
    context.fillStyle = colour('muted');
    context.textAlign = 'right';
    context.fillText(about(least), left - 5, 11);
    context.textAlign = 'left';
    context.fillText(about(most), left + width + 5, 11);
  }

  #mark(context, row) {
    const [from, to] = this.#span(this.#cell.step);
    context.strokeStyle = colour('text');
    context.lineWidth = 2;
    context.strokeRect(from, this.grid.top + this.#cell.layer * row, to - from, row);
  }

  /** Where a step's column begins and ends: all are as wide, since verdicts need not come at regular steps. */
  #span(step) {
    const width = this.grid.width / this.grid.data.steps.length;
    return [this.grid.left + step * width, this.grid.left + (step + 1) * width];
  }

  #point(event) {
    const { grid } = this;
    const step = Math.floor((event.offsetX - grid.left) / grid.width * grid.data.steps.length);
    const layer = Math.floor((event.offsetY - grid.top) / grid.height * grid.data.layers.length);
    this.#show({ step, layer });
  }

  #move(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (by && this.grid) {
      event.preventDefault();
      const { layers, steps } = this.grid.data;
      const { step, layer } = this.#cell ?? { step: steps.length - 1 - by[0], layer: -by[1] };
      this.#show({
        step: Math.min(steps.length - 1, Math.max(0, step + by[0])),
        layer: Math.min(layers.length - 1, Math.max(0, layer + by[1])),
      });
    }
  }

  #show(cell) {
    const { layers, steps, values } = this.grid.data;
    this.#cell = cell !== null && layers[cell.layer] !== undefined && steps[cell.step] !== undefined ? cell : null;
    this.#paint(this.grid.data);
    setText(this.readout, this.#cell === null ? ''
      : `${layers[cell.layer]} at step ${steps[cell.step]}: ${about(values[cell.layer][cell.step])}`);
  }

  tabular() {
    const { layers, values } = this.data(this.chosen);
    return {
      heads: ['layer', 'first', 'least', 'most', 'latest'],
      rows: layers.map((layer, index) => {
        const known = values[index].filter((value) => value !== null);
        return [layer, ...[known[0], Math.min(...known), Math.max(...known), known.at(-1)].map((value) => about(value ?? null))];
      }),
    };
  }
}

function channels(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function shade(scale, fraction) {
  const place = Math.min(0.9999, Math.max(0, fraction)) * (scale.length - 1);
  const [from, to] = [scale[Math.floor(place)], scale[Math.floor(place) + 1]];
  return `rgb(${from.map((part, index) => Math.round(part + (to[index] - part) * (place % 1))).join(' ')})`;
}
