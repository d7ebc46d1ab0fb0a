/** One experiment: its comparison, its runs' curves side by side, its runs. */
import { forEachFew, get } from './api.js';
import { LineChart } from './charts.js';
import { KeyedTable, element, setText, throttled } from './dom.js';
import {
  about, atLeast, external, figures, framework, hasEnded, network, number, percent, points, seconds,
  stateInShort, stateKind, step, trainingLoss, variant, verdictInShort,
} from './format.js';
import { History } from './history.js';

const LEGEND = [
  { label: 'base', style: 'base', dashed: true },
  { label: 'two-phase', style: 'two-phase' },
];

export class ExperimentView {
  #histories = new Map();
  #runs = new Map();
  #ended = 0;
  #compare = throttled(() => this.#loadComparison().catch(() => {}), 2000);

  constructor(experiment) {
    this.experiment = experiment;
    this.title = `Experiment ${experiment}`;
    this.breadcrumb = [[experiment, null]];
    this.path = `experiments/${encodeURIComponent(experiment)}/events`;

    this.about = element('p', { class: 'muted' });
    this.comparison = comparisonTable();
    this.difference = element('p', { id: 'difference' });
    this.leftOut = element('p', { id: 'left-out', hidden: '' });
    const chart = (title, y, logarithmic, of, joined = true, note = undefined) => new LineChart({
      title, y, logarithmic, joined, legend: LEGEND, marks: () => this.#marks(), series: () => this.#series(of), note,
    });
    this.charts = [
      chart('Training loss', 'loss', true, loss, true, () => this.#ofMiniBatches()),
      chart('Test error', 'fraction wrong', false, (history) => history.of('testError')),
      chart('Proven lower bound on σ_min', 'σ_min ≥', true, (history) => history.bounds(), false),
    ];
    this.table = runsTable();
    this.node = element('div', {},
      element('h1', {}, this.title), this.about,
      element('section', { 'aria-labelledby': 'comparison' },
        element('h2', { id: 'comparison' }, 'Comparison'), this.comparison.node, this.difference, this.leftOut),
      element('section', { 'aria-labelledby': 'curves' },
        element('h2', { id: 'curves' }, 'Curves'),
        element('div', { class: 'charts' }, ...this.charts.map(({ node }) => node))),
      element('section', { 'aria-labelledby': 'runs' }, element('h2', { id: 'runs' }, 'Runs'), this.table.node));
  }

  async load() {
    await this.#loadComparison();
    await forEachFew(this.#histories.values(), async (history) => {
      await history.load();
      this.#draw();
    });
  }

  take({ runs }) {
    for (const run of runs) {
      const name = run.request.run;
      this.#runs.set(name, run);
      if (!this.#histories.has(name)) {
        this.#histories.set(name, new History(name, ['expressivity']));
      }
      const history = this.#histories.get(name);
      if (history.take(run)) {
        history.load().then(() => this.#draw(), () => {});
      }
    }
    const all = [...this.#runs.values()];
    setText(this.about, subject(all));
    this.table.show(all, (run) => run.request.run);
    const ended = all.filter(hasEnded).length;
    if (ended !== this.#ended) {
      this.#ended = ended;
      this.#compare();
    }
    this.#draw();
  }

  close() {
    this.charts.forEach((chart) => chart.close());
  }

  #draw() {
    this.charts.forEach((chart) => chart.draw());
  }

  async #loadComparison() {
    const { comparison } = await get(`experiments/${encodeURIComponent(this.experiment)}/comparison`);
    this.comparison.show(
      [['base', comparison.base], ['two-phase', comparison.twoPhase]].filter(([, summary]) => summary?.runs > 0 || summary?.seeds > 0),
      ([name]) => name);
    setText(this.difference, difference(comparison));
    const without = leftOut(comparison);
    this.leftOut.hidden = without === '';
    setText(this.leftOut, without);
  }

  #series(of) {
    return [...this.#runs.values()].map((run) => {
      const history = this.#histories.get(run.request.run);
      return {
        label: `${variant(run)} ${run.request.seed}${of === loss && history.ofMiniBatches ? ' (mini-batch)' : ''}`,
        style: variant(run),
        dashed: variant(run) === 'base',
        points: of(history),
      };
    });
  }

  #ofMiniBatches() {
    const count = [...this.#histories.values()].filter((history) => history.ofMiniBatches).length;
    return count === 0 ? '' : ` of mini-batches${count === this.#histories.size ? '' : `, of ${count} of ${this.#histories.size} runs`}`;
  }

  /** The switches alone: what rules did is marked on each run's own page. */
  #marks() {
    return [...new Set([...this.#runs.values()].map((run) => number(run.header?.switchStep)).filter((step) => step !== null))]
      .map((step) => ({ step, label: 'phase 2', style: 'muted' }));
  }
}

const loss = (history) => history.of(history.ofMiniBatches ? 'batchLoss' : 'trainLoss');

/** The data set, the networks, and where they are trained, if that is not here alone. */
function subject(runs) {
  const spec = runs[0]?.request?.spec;
  const networks = [...new Set(runs.map((run) => network(run.request.spec)))].join('; ');
  const outside = runs.filter((run) => external(run.request.spec)).length;
  return [
    ...(spec?.dataSet?.name ? [spec.dataSet.name] : []),
    networks,
    ...(spec?.epochs ? [`${spec.epochs} epochs`] : []),
    `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`
      + (outside === 0 ? '' : `, ${outside === runs.length ? 'all' : outside} trained outside Fullrank`),
  ].join(', ');
}

/** Which finished runs the comparison leaves out. */
function leftOut(comparison) {
  const parts = [['base', comparison.base], ['two-phase', comparison.twoPhase]]
    .filter(([, summary]) => summary?.withoutTestError > 0)
    .map(([name, { withoutTestError }]) => `${withoutTestError} ${name}`);
  return parts.length === 0 ? '' : `Finished runs without a test error, which the comparison leaves out: ${parts.join(', ')}.`;
}

function withDeviation(mean, deviation, shown) {
  return mean === null ? '–' : shown(mean) + (deviation === null ? '' : ` ± ${shown(deviation)}`);
}

function comparisonTable() {
  const of = (figure) => ([, summary]) => number(summary[figure]);
  return new KeyedTable('Base algorithm and its two-phase version: mean ± standard deviation over the seeds', [
    { title: 'variant', header: true, text: ([name]) => name },
    { title: 'seeds finished', number: true, text: ([, summary]) => String(summary.seeds) },
    {
      title: 'test error', number: true,
      text: (item) => withDeviation(of('meanTestError')(item), of('stdTestError')(item), percent),
    },
    {
      title: 'training loss', number: true,
      text: (item) => withDeviation(of('meanTrainLoss')(item), of('stdTrainLoss')(item), about),
    },
    { title: 'time', number: true, text: (item) => seconds(of('meanSeconds')(item)) },
    {
      title: 'certificates',
      text: ([, summary]) => ['certified', 'refuted', 'undetermined']
        .filter((outcome) => summary[outcome] > 0)
        .map((outcome) => `${outcome.toUpperCase()} ${summary[outcome]} of ${summary.runs}`).join(', ') || '–',
    },
    {
      title: 'σ_min ≥', number: true,
      text: (item) => {
        const bound = of('sigmaMinLowerBound')(item);
        return bound === null ? '–' : atLeast(bound);
      },
    },
  ]);
}

function difference({ difference: pairs, equivalent, equivalenceMargin }) {
  const mean = number(pairs?.mean);
  if (mean === null) {
    return 'There is no difference to show yet: it needs a seed for which both variants have finished with a test error.';
  }
  const low = number(pairs.ci95Low);
  const interval = low === null
    ? 'too few pairs for a confidence interval'
    : `95% confidence: ${points(low)} to ${points(number(pairs.ci95High))}`;
  const verdict = equivalent === undefined || equivalent === null ? '' : `; equivalent within ${(100 * equivalenceMargin).toFixed(1)} points: ${equivalent ? 'yes' : 'not shown'}`;
  return `Test error, two-phase minus base: ${points(mean)} points (${interval}, ${pairs.pairs} ${pairs.pairs === 1 ? 'pair' : 'pairs'} of runs)${verdict}.`;
}

function runsTable() {
  return new KeyedTable('Runs in the order of their submission', [
    {
      title: 'run', header: true, text: (run) => run.request.run,
      link: (run) => `#/runs/${encodeURIComponent(run.request.run)}`,
    },
    { title: 'variant', text: variant },
    { title: 'seed', number: true, text: (run) => String(run.request.seed) },
    { title: 'trained by', text: (run) => framework(run.request.spec) },
    { title: 'state', text: stateInShort, state: stateKind },
    { title: 'step', number: true, text: step },
    { title: 'training loss', number: true, text: trainingLoss },
    { title: 'test error', number: true, text: (run) => percent(number(figures(run).testError)) },
    {
      title: 'certificate',
      text: (run) => verdictInShort(run.witnessVerdict ?? run.latestVerdict),
      state: (run) => (run.witnessVerdict ?? run.latestVerdict)?.certificate?.outcome ?? '',
    },
    { title: 'other checks', text: otherChecks },
  ]);
}

function otherChecks(run) {
  const shown = (run.witnessVerdict ?? run.latestVerdict)?.check;
  return (run.latestVerdicts ?? []).filter(({ check }) => check !== shown)
    .map((verdict) => `${verdict.check}: ${verdictInShort(verdict)}`).join('; ') || '–';
}
