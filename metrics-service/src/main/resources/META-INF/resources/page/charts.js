/** Charts by Chart.js, each with a caption, a summary in words, and its numbers as a table. */
import { element, setText, throttled } from './dom.js';
import { about } from './format.js';

const { Chart } = window;

const dark = window.matchMedia('(prefers-color-scheme: dark)');
const drawn = new Set();
dark.addEventListener('change', () => drawn.forEach((chart) => chart.recolour()));

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Between labels of marks, in pixels.
const LABEL_GAP = 8;

/** A vertical line at each step that is marked. */
const stepMarks = {
  id: 'stepMarks',
  afterDatasetsDraw(chart, _, { marks = [] }) {
    const { ctx, chartArea, scales } = chart;
    ctx.save();
    ctx.setLineDash([4, 4]);
    ctx.font = '12px system-ui, sans-serif';
    ctx.textAlign = 'left';
    let free = -Infinity;
    for (const { step, label, style } of [...marks].sort((a, b) => a.step - b.step)) {
      const x = scales.x.getPixelForValue(step);
      if (x >= chartArea.left && x <= chartArea.right) {
        ctx.strokeStyle = colour(style);
        ctx.fillStyle = colour(style);
        ctx.beginPath();
        ctx.moveTo(x, chartArea.top);
        ctx.lineTo(x, chartArea.bottom);
        ctx.stroke();
        const { width } = ctx.measureText(label);
        const left = x > (chartArea.left + chartArea.right) / 2 ? x - 4 - width : x + 4;
        // Labels do not lie on each other.
        if (left >= free) {
          free = left + width + LABEL_GAP;
          ctx.fillText(label, left, chartArea.top + 12);
        }
      }
    }
    ctx.restore();
  },
};

// A logarithmic axis is labelled at the first of these leading digits that give it three labels; one too short for that, at
// equal distances.
const LEADING_DIGITS = [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9], Array.from({ length: 90 }, (_, tenth) => (10 + tenth) / 10)];

const MOST_LABELS = 8;

function isLabelled(value, index, ticks) {
  const digits = (each) => Number(each.toExponential(3).split('e')[0]);
  const labelled = LEADING_DIGITS.find((some) => ticks.filter((tick) => some.includes(digits(tick.value))).length >= 3);
  return labelled === undefined ? index % Math.ceil(ticks.length / MOST_LABELS) === 0 : labelled.includes(digits(value));
}

/** How many digits it takes to tell the labels of an axis apart. */
function significantDigits(ticks) {
  const values = ticks.map((tick) => tick.value);
  const largest = Math.max(...values.map(Math.abs));
  const range = Math.max(...values) - Math.min(...values);
  return range > 0 ? Math.max(3, 2 + Math.ceil(Math.log10(largest / range))) : 3;
}

/** What all charts have: a figure whose chart is drawn anew, at most a few times a second, with what it is about. */
export class Figure {
  constructor(title, legend) {
    this.title = title;
    this.canvas = element('canvas', { role: 'img', 'aria-label': `${title}: nothing yet` });
    this.values = element('details', { toggle: () => this.#tabulate() }, element('summary', {}, 'Values as a table'));
    this.caption = element('span');
    this.legend = legend.map(({ label, style, dashed }) =>
      ({ style, dashed: dashed ?? false, key: element('li', { class: `key ${style}${dashed ? ' dashed' : ''}` }, label) }));
    this.node = element('figure', {},
      element('figcaption', {}, element('strong', {}, title), this.caption),
      legend.length > 0 ? element('ul', { class: 'legend' }, ...this.legend.map(({ key }) => key)) : null,
      element('div', { class: 'canvas' }, this.canvas),
      this.values);
    this.draw = throttled(() => this.update(), 250);
    this.chart = null;
    drawn.add(this);
  }

  /** Ends the chart; it must have been taken off the page. */
  close() {
    drawn.delete(this);
    this.chart?.destroy();
    this.chart = null;
    this.draw = () => {};
    this.update = () => {};
  }

  recolour() {
    this.chart?.destroy();
    this.chart = null;
    this.update();
  }

  describe(words) {
    this.canvas.setAttribute('aria-label', `${this.title}: ${words}`);
    this.#tabulate();
  }

  #tabulate() {
    if (!this.values.open) {
      return;
    }
    const { heads, rows } = this.tabular();
    const table = element('table', {},
      element('caption', {}, this.title),
      element('thead', {}, element('tr', {}, ...heads.map((head) => element('th', { scope: 'col', class: 'number' }, head)))),
      element('tbody', {}, ...rows.map((row) =>
        element('tr', {}, ...row.map((cell) => element('td', { class: 'number' }, cell))))));
    const region = element('div', { class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': `${this.title}, values` }, table);
    const before = this.values.querySelector('.scroll');
    if (before) {
      const { scrollTop } = before;
      before.firstChild.replaceWith(table);
      before.scrollTop = scrollTop;
    } else {
      this.values.append(region);
    }
  }

  axes({ x, y, logarithmic }) {
    const axis = (title) => ({
      title: { display: true, text: title, color: colour('text') },
      ticks: { color: colour('muted') },
      grid: { color: colour('line') },
    });
    const vertical = axis(y);
    vertical.type = logarithmic ? 'logarithmic' : 'linear';
    vertical.beginAtZero = !logarithmic;
    vertical.ticks.callback = (value, index, ticks) =>
      (logarithmic && !isLabelled(value, index, ticks) ? null : about(Number(value), significantDigits(ticks)));
    return { x: { ...axis(x), type: 'linear' }, y: vertical };
  }
}

/**
 * Figures over steps. series() gives [{label, style, dashed, points: [{x, y}]}], with points in the order of x; marks() gives
 * [{step, label, style}] of what is to be marked, note() what is to be said beside the title. Points are joined by lines unless nothing is known in between.
 */
export class LineChart extends Figure {
  constructor({ title, y, logarithmic, series, marks, legend = [], joined = true, note = () => '' }) {
    super(title, legend);
    this.settings = { x: 'step', y, logarithmic };
    this.joined = joined;
    this.series = series;
    this.marks = marks;
    this.note = note;
  }

  update() {
    const series = this.series().filter(({ points }) => points.length > 0);
    for (const { style, dashed, key } of this.legend) {
      key.hidden = !series.some((line) => line.style === style && line.dashed === dashed);
    }
    const datasets = series.map(({ label, style, dashed, points }) => ({
      label,
      // A logarithmic axis has no place for 0.
      data: this.settings.logarithmic ? points.filter(({ y }) => y > 0) : points,
      borderColor: colour(style),
      backgroundColor: colour(style),
      borderWidth: series.length > 10 ? 1 : 2,
      borderDash: dashed ? [5, 3] : [],
      showLine: this.joined,
      // A single point would be no line.
      pointRadius: this.joined && points.length > 1 ? 0 : 3,
      pointStyle: dashed ? 'triangle' : 'circle',
    }));
    if (this.chart === null) {
      this.chart = new Chart(this.canvas, {
        type: 'line',
        data: { datasets },
        options: {
          animation: false,
          parsing: false,
          normalized: true,
          spanGaps: true,
          maintainAspectRatio: false,
          interaction: { mode: 'nearest', axis: 'xy', intersect: false },
          scales: this.axes(this.settings),
          plugins: {
            legend: { display: false },
            tooltip: {
              callbacks: {
                title: ([item]) => (item ? `step ${item.parsed.x}` : ''),
                label: (item) => `${item.dataset.label}: ${about(item.parsed.y)}`,
              },
            },
            stepMarks: { marks: this.marks() },
          },
        },
        plugins: [stepMarks],
      });
    } else {
      this.chart.data.datasets = datasets;
      this.chart.options.plugins.stepMarks.marks = this.marks();
      this.chart.update('none');
    }
    const latest = series
      .map(({ label, points }) => `${label} ${about(points.at(-1).y)} at step ${points.at(-1).x}`);
    setText(this.caption, this.note());
    const count = series.reduce((sum, { points }) => sum + points.length, 0);
    this.describe(latest.length === 0 ? 'nothing yet'
      : latest.length <= 4 ? latest.join(', ') : `${latest.length} lines, ${count} points`);
    this.canvas.dataset.points = count;
  }

  /** With up to four lines their points by step; with more the latest of each. */
  tabular() {
    const series = this.series().filter(({ points }) => points.length > 0);
    if (series.length > 4) {
      return {
        heads: ['line', 'step', this.settings.y],
        rows: series
          .map(({ label, points }) => [label, String(points.at(-1).x), about(points.at(-1).y)]),
      };
    }
    const steps = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
    const columns = series.map(({ points }) => new Map(points.map(({ x, y }) => [x, y])));
    return {
      heads: ['step', ...series.map(({ label }) => label)],
      rows: steps.map((step) => [String(step), ...columns.map((column) => about(column.get(step) ?? null))]),
    };
  }
}

/**
 * How many of some values lie in which bin: histogram() gives {edges, counts, words, below}, or null if there is none; values
 * is what they are called, below how many lie below all bins, if that is known.
 */
export class Histogram extends Figure {
  constructor({ title, x, values, histogram }) {
    super(title, []);
    this.x = x;
    this.counted = values;
    this.histogram = histogram;
  }

  update() {
    const histogram = this.histogram();
    this.node.hidden = histogram === null;
    if (histogram === null) {
      return;
    }
    const { edges, counts, words } = histogram;
    const data = {
      labels: counts.map((_, bin) => about(edges[bin])),
      datasets: [{ data: counts, backgroundColor: colour('two-phase'), categoryPercentage: 1, barPercentage: 0.95 }],
    };
    if (this.chart === null) {
      const { x, y } = this.axes({ x: this.x, y: 'how many', logarithmic: false });
      y.ticks.precision = 0;
      this.chart = new Chart(this.canvas, {
        type: 'bar',
        data,
        options: {
          animation: false,
          maintainAspectRatio: false,
          scales: { x: { ...x, type: 'category', ticks: { ...x.ticks, maxTicksLimit: 10, maxRotation: 0 } }, y },
          plugins: {
            legend: { display: false },
            tooltip: {
              callbacks: {
                title: ([item]) => this.bin(item.dataIndex),
                label: (item) => `${item.parsed.y} ${this.counted}`,
              },
            },
          },
        },
      });
    } else {
      this.chart.data = data;
      this.chart.update('none');
    }
    setText(this.caption, ` ${words}`);
    this.describe(words);
  }

  bin(index) {
    const { edges } = this.histogram();
    return `${about(edges[index])} to ${about(edges[index + 1])}`;
  }

  tabular() {
    const { counts, below, edges } = this.histogram();
    return {
      heads: [this.counted, 'how many'],
      rows: [
        ...(below === undefined ? [] : [[`below ${about(edges[0])}`, String(below)]]),
        ...counts.map((count, bin) => [this.bin(bin), String(count)]),
      ],
    };
  }
}
