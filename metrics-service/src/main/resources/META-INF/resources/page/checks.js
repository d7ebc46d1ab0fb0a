/**
 * What a check found over the steps of a run. Any check is shown by its name and its measures; of some that Fullrank brings it is
 * said which measures belong together.
 */
import { Histogram, LineChart } from './charts.js';
import { KeyedTable, element, setText } from './dom.js';
import { about, kindOfMeasure, measured, number, verdictInShort } from './format.js';
import { HeatMap } from './heatmap.js';

const KNOWN = {
  'tangent-kernel': {
    about: 'Whether the Jacobian of the outputs in the parameters has full row rank. Certified, it says that these weights are no bad minimum '
      + 'and no saddle, and bounds the gradient of the training loss from below.',
    charts: [{
      title: 'Gradient norm: certified bound and measured',
      y: '‖∇L‖',
      logarithmic: true,
      lines: [
        { measure: 'gradient-norm-lower-bound', label: 'certified lower bound', style: 'two-phase' },
        { measure: 'gradient-norm', label: 'measured', style: 'test', dashed: true },
      ],
      note: ([bound, norm]) => compared(bound, norm, 'the measured norm is at least the certified bound', 'THE MEASURED NORM IS BELOW THE CERTIFIED BOUND'),
    }],
  },
  'gradient-descent': {
    about: 'The quantities of Du, Lee, Li, Wang and Zhai: how far the Gram matrix stays from singular, and the loss beside its envelope.',
    charts: [
      {
        title: 'Smallest eigenvalue of the Gram matrix',
        y: 'λ_min',
        lines: [
          { measure: 'gram-lambda-min', kind: 'MEASURE_KIND_LOWER_BOUND', label: 'λ_min(G(k)), at least', style: 'two-phase' },
          { measure: 'population-lambda-min', kind: 'MEASURE_KIND_UPPER_BOUND', factor: 0.5, label: 'λ₀/2, at most', style: 'test', dashed: true },
        ],
        note: ([lambda, half]) => compared(half, lambda, 'λ_min(G(k)) ≥ λ₀/2 is proven', 'λ_min(G(k)) ≥ λ₀/2 is not proven'),
      },
      {
        title: 'Loss beside its envelope',
        y: 'loss',
        logarithmic: true,
        lines: [
          { measure: 'loss', label: 'loss', style: 'train' },
          { measure: 'loss-envelope', label: 'envelope (1 − ηλ₀/2)^k', style: 'test', dashed: true },
        ],
        note: ([loss, envelope]) => compared(loss, envelope, 'the loss is not above the envelope', 'the loss is above the envelope'),
      },
    ],
  },
  margins: { about: 'Margins of the normalised network on the training set, after Poggio and others.', charts: [] },
  collapse: { about: 'How many directions each layer still uses, and how many of its units are dormant: estimates by the usual measures.', charts: [] },
  expressivity: { about: '', charts: [] },
};

const ORDER = Object.keys(KNOWN);

// Measures that are one quantity at several places of its distribution.
const FAMILY = /^(.+?)-(minimum|min|median|maximum|max|mean|(?:p|q|quantile-)?\d+(?:\.\d+)?)$/;

const STYLES = {
  MEASURE_KIND_LOWER_BOUND: { style: 'two-phase', dashed: false },
  MEASURE_KIND_UPPER_BOUND: { style: 'base', dashed: true },
  MEASURE_KIND_ESTIMATE: { style: 'batch', dashed: false },
  MEASURE_KIND_MEASURED: { style: 'test', dashed: true },
};

/** Says of how many steps the first line is not above the second. */
function compared(low, high, so, not) {
  const known = new Map(high.map(({ x, y }) => [x, y]));
  const steps = low.filter(({ x }) => known.has(x));
  const broken = steps.filter(({ x, y }) => y > known.get(x)).length;
  return steps.length === 0 ? '' : broken === 0 ? ` ${so} at all ${steps.length} steps shown` : ` ${not} at ${broken} of ${steps.length} steps shown`;
}

/** The checks in the order in which they are shown. */
export function inOrder(checks) {
  const place = (check) => (ORDER.includes(check) ? ORDER.indexOf(check) : ORDER.length);
  return [...checks].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

export class CheckView {
  #check;
  #history;
  #marks;
  #charts = new Map();

  /** marks: as of LineChart. */
  constructor(check, history, marks) {
    this.#check = check;
    this.#history = history;
    this.#marks = marks;
    this.latest = element('p', { class: 'latest' });
    this.figures = element('div', { class: 'charts' });
    this.table = measuresTable(check);
    const id = `check-${check}`;
    this.heat = new HeatMap({
      id,
      title: 'By layer',
      choices: () => this.#names(({ layer }) => layer),
      data: (name) => this.#byLayer(name),
    });
    this.histogramChoice = element('select', { change: () => this.histogram.update() });
    this.histogram = new Histogram({ title: 'Distribution', x: 'value', values: 'values', histogram: () => this.#distribution() });
    this.histogram.node.firstChild.after(element('label', { class: 'choice' }, 'of ', this.histogramChoice));
    this.node = element('section', { class: 'check', 'aria-labelledby': id, 'data-check': check },
      element('h2', { id }, `Check ${check}`),
      KNOWN[check]?.about ? element('p', { class: 'muted' }, KNOWN[check].about) : null,
      this.latest, this.figures, this.table.node);
    // The widest last.
    this.figures.append(this.histogram.node, this.heat.node);
    this.heat.node.classList.add('wide');
  }

  show() {
    const verdicts = this.#history.verdictsOf(this.#check);
    const newest = verdicts.at(-1);
    if (newest === undefined) {
      return;
    }
    const stated = verdictInShort(newest.verdict);
    this.latest.hidden = stated === '–';
    setText(this.latest, `Latest, at step ${newest.step}: ${stated}`);
    const measures = newest.verdict.measures ?? [];
    const ofNetwork = measures.filter(({ layer }) => !layer);
    this.table.node.hidden = ofNetwork.length === 0;
    this.table.show(ofNetwork, ({ name, kind }) => `${name} ${kind}`);
    this.#addCharts();
    for (const chart of [...this.#charts.values(), this.heat, this.histogram]) {
      chart.draw();
    }
  }

  close() {
    for (const chart of [...this.#charts.values(), this.heat, this.histogram]) {
      chart.close();
    }
  }

  /** The names of measures that any verdict has, in the order of their first occurrence. */
  #names(matching) {
    return [...new Set(this.#history.verdictsOf(this.#check)
      .flatMap(({ verdict }) => (verdict.measures ?? []).filter(matching).map(({ name }) => name)))];
  }

  #addCharts() {
    const names = this.#names(({ layer }) => !layer);
    const known = KNOWN[this.#check]?.charts ?? [];
    const taken = new Set();
    for (const chart of known) {
      if (chart.lines.some(({ measure }) => names.includes(measure))) {
        chart.lines.forEach(({ measure }) => taken.add(measure));
        this.#add(chart.title, () => new LineChart({
          ...chart,
          logarithmic: chart.logarithmic ?? false,
          legend: chart.lines.map(({ label, style, dashed }) => ({ label, style, dashed })),
          marks: this.#marks,
          series: () => chart.lines.map((line) => ({ ...line, dashed: line.dashed ?? false, points: this.#line(line) })),
          note: () => chart.note(chart.lines.map((line) => this.#line(line))),
        }));
      }
    }
    // The features' bound has its place among the curves.
    if (this.#check !== 'expressivity' && this.#history.bounds(this.#check).length > 0) {
      this.#add('Proven lower bound on σ_min', () => new LineChart({
        title: 'Proven lower bound on σ_min', y: 'σ_min ≥', logarithmic: true, joined: false, marks: this.#marks,
        legend: [{ label: 'bound', style: 'two-phase', dashed: false }],
        series: () => [{ label: 'bound', style: 'two-phase', dashed: false, points: this.#history.bounds(this.#check) }],
      }));
    }
    grouped(names.filter((name) => !taken.has(name)), family).forEach((members, called) => {
      this.#add(called, () => (members.length > 1 ? this.#distributionChart(called) : this.#measureChart(members[0])));
    });
  }

  #add(title, make) {
    if (!this.#charts.has(title)) {
      const chart = make();
      this.#charts.set(title, chart);
      this.figures.insertBefore(chart.node, this.histogram.node);
    }
  }

  #line({ measure, kind = null, factor = 1 }) {
    return this.#history.measures(this.#check, measure, { kind }).map(({ x, y }) => ({ x, y: factor * y }));
  }

  /** One measure: a line for each kind that it comes in. */
  #measureChart(name) {
    const kinds = () => [...new Set(this.#history.verdictsOf(this.#check).flatMap(({ verdict }) =>
      verdict.measures.filter((each) => each.name === name && !each.layer).map(({ kind }) => kind)))];
    return new LineChart({
      title: name,
      y: this.#unit(name) ?? name,
      logarithmic: false,
      marks: this.#marks,
      legend: Object.entries(STYLES).map(([kind, style]) => ({ label: kindOfMeasure({ kind }), ...style })),
      series: () => kinds().map((kind) => ({
        label: kindOfMeasure({ kind }),
        ...(STYLES[kind] ?? STYLES.MEASURE_KIND_MEASURED),
        points: this.#history.measures(this.#check, name, { kind }),
      })),
    });
  }

  /** Several places of a distribution. */
  #distributionChart(called) {
    const members = () => this.#names(({ layer }) => !layer).filter((name) => name !== called && family(name) === called);
    const isMiddle = (name) => /-(median|mean|(?:p|q|quantile-)?(?:0\.5|50))$/.test(name);
    return new LineChart({
      title: called,
      y: this.#unit(members()[0]) ?? called,
      logarithmic: false,
      marks: this.#marks,
      legend: [
        { label: 'median', style: 'two-phase', dashed: false },
        { label: 'other quantiles', style: 'two-phase', dashed: true },
      ],
      series: () => members().map((name) => ({
        label: name.slice(called.length + 1),
        style: 'two-phase',
        dashed: !isMiddle(name),
        points: this.#history.measures(this.#check, name),
      })),
    });
  }

  /** The unit of a measure, or null of a pure number. */
  #unit(name) {
    const unit = this.#history.verdictsOf(this.#check).flatMap(({ verdict }) => verdict.measures ?? [])
      .find((measure) => measure.name === name)?.unit;
    return !unit || unit === '1' ? null : unit;
  }

  #byLayer(name) {
    const verdicts = this.#history.verdictsOf(this.#check);
    const of = ({ verdict }) => (verdict.measures ?? []).filter((measure) => measure.layer && measure.name === name);
    const columns = verdicts.map((each) => new Map(of(each).map(({ layer, value }) => [layer, number(value)])));
    const shown = verdicts.map((each, index) => index).filter((index) => columns[index].size > 0);
    const layers = [...new Set(shown.flatMap((index) => [...columns[index].keys()]))];
    const values = layers.map((layer) => shown.map((index) => {
      const value = columns[index].get(layer);
      return Number.isFinite(value) ? value : null;
    }));
    const known = values.flat().filter((value) => value !== null);
    const first = verdicts.flatMap(of)[0];
    return {
      layers,
      steps: shown.map((index) => verdicts[index].step),
      values,
      least: known.reduce((a, b) => Math.min(a, b), Infinity),
      most: known.reduce((a, b) => Math.max(a, b), -Infinity),
      unit: first?.unit,
    };
  }

  /** The chosen one of the newest verdict that has any. */
  #distribution() {
    const found = this.#history.verdictsOf(this.#check).findLast(({ verdict }) => verdict.histograms?.length > 0);
    if (found === undefined) {
      return null;
    }
    const { histograms } = found.verdict;
    const called = ({ name, layer }) => (layer ? `${name}, ${layer}` : name);
    const choices = histograms.map(called);
    if (choices.join() !== [...this.histogramChoice.options].map(({ value }) => value).join()) {
      const before = this.histogramChoice.value;
      this.histogramChoice.replaceChildren(...choices.map((choice) => element('option', {}, choice)));
      this.histogramChoice.value = choices.includes(before) ? before : choices[0];
    }
    const chosen = histograms.find((each) => called(each) === this.histogramChoice.value);
    const edges = chosen.edges.map(Number);
    const counts = chosen.counts.map(Number);
    const total = counts.reduce((sum, count) => sum + count, 0);
    return { edges, counts, words: `${total} values at step ${found.step}, from ${about(edges[0])} to ${about(edges.at(-1))}` };
  }
}

function family(name) {
  return name.match(FAMILY)?.[1] ?? name;
}

function grouped(items, key) {
  const groups = new Map();
  items.forEach((item) => groups.set(key(item), [...(groups.get(key(item)) ?? []), item]));
  return groups;
}

function measuresTable(check) {
  return new KeyedTable(`Latest measures of ${check} about the network`, [
    { title: 'measure', header: true, text: ({ name }) => name },
    { title: 'value', number: true, text: measured },
    { title: 'unit', text: ({ unit }) => (unit === '1' ? '–' : unit) },
    { title: 'is', text: kindOfMeasure },
  ]);
}
