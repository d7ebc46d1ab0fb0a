/** One run: its curves, its guarantee, its certificates with their proofs, the spectrum of its features. */
import { Histogram, LineChart } from './charts.js';
import { KeyedTable, element, setText } from './dom.js';
import {
  about, atLeast, atMost, hasEnded, method, network, number, outcome, percent, phase, proof, seconds, sigmaMin, state, time,
  variant,
} from './format.js';
import { History } from './history.js';

export class RunView {
  #history;
  #run = null;

  constructor(run) {
    this.title = `Run ${run}`;
    this.breadcrumb = [[run, null]];
    this.path = `runs/${encodeURIComponent(run)}/events`;
    this.#history = new History(run);

    this.facts = new Map();
    this.list = element('dl', { class: 'facts' });
    this.bar = element('progress', { 'aria-label': 'Steps done', max: '1', value: '0' });
    this.guarantee = element('p', { id: 'guarantee' });
    const line = (label, style, dashed, figure) => ({ label, style, dashed, figure });
    const chart = (title, y, logarithmic, lines, joined = true) => new LineChart({
      title, y, logarithmic, joined, legend: lines, switches: () => this.#switches(),
      series: () => lines.map(({ label, style, dashed, figure }) => ({ label, style, dashed, points: figure(this.#history) })),
    });
    this.charts = [
      chart('Loss', 'loss', true, [
        line('training', 'train', false, (history) => history.of('trainLoss')),
        line('test', 'test', true, (history) => history.of('testLoss')),
      ]),
      chart('Error', 'fraction wrong', false, [
        line('training', 'train', false, (history) => history.of('trainError')),
        line('test', 'test', true, (history) => history.of('testError')),
      ]),
      chart('Proven lower bound on σ_min', 'σ_min ≥', true, [
        line('bound', 'two-phase', false, (history) => history.bounds()),
      ], false),
      new Histogram({ title: 'Spectrum', histogram: () => this.#spectrum() }),
    ];
    this.table = verdictTable();
    this.node = element('div', {},
      element('h1', {}, this.title), this.bar, this.list,
      element('section', { 'aria-labelledby': 'phase-two' },
        element('h2', { id: 'phase-two' }, 'What is guaranteed of phase 2'), this.guarantee),
      element('section', { 'aria-labelledby': 'curves' },
        element('h2', { id: 'curves' }, 'Curves'),
        element('div', { class: 'charts' }, ...this.charts.map(({ node }) => node))),
      element('section', { 'aria-labelledby': 'certificates' },
        element('h2', { id: 'certificates' }, 'Certificates'), this.table.node));
  }

  async load() {
    await this.#history.load();
    this.#show();
  }

  take({ run }) {
    this.#run = run;
    this.breadcrumb = [
      [run.request.experiment, `#/experiments/${encodeURIComponent(run.request.experiment)}`], [run.request.run, null],
    ];
    if (this.#history.take(run)) {
      this.load().catch(() => {});
    }
    this.#show();
  }

  close() {
    this.charts.forEach((chart) => chart.close());
  }

  #show() {
    const run = this.#run;
    if (run === null) {
      return;
    }
    const steps = number(run.header?.totalSteps) ?? 0;
    const step = number(run.result?.steps) || number(run.progress?.step) || 0;
    this.bar.max = Math.max(steps, 1);
    this.bar.value = step;
    const snapshots = run.snapshots ?? {};
    const count = (kind) => number(snapshots[kind]) ?? 0;
    const lost = count('published') - count('checked') - count('skipped') - count('dropped');
    const figure = (name, shown) => shown(number(run.progress?.[name]));
    this.#facts([
      ['state', state(run) + (run.result?.reason ? `: ${run.result.reason}` : '')],
      ['variant', `${variant(run)}, seed ${run.request.seed}`],
      ['step', `${step} of ${steps || '?'}, phase ${phase(run.progress?.phase)}`],
      ['training loss', figure('trainLoss', about)],
      ['test error', figure('testError', percent)],
      ['data set', run.header?.dataSet ? `${run.header.dataSet.name}, ${run.header.dataSet.trainRows} training and ${run.header.dataSet.testRows} test rows` : run.request.spec?.dataSet?.name ?? '–'],
      ['network', network(run.request.spec)],
      ['snapshots', `${count('published')} published, ${count('checked')} checked, ${count('skipped')} skipped, ${count('dropped')} dropped, ${hasEnded(run) ? lost : 0} lost`],
      ['started', time(run.header?.startedAt)],
    ]);
    setText(this.guarantee, guarantee(run));
    this.table.show([...this.#history.verdicts].reverse(), ({ step: at, verdict }) => `${at} ${verdict.check}`);
    this.charts.forEach((chart) => chart.draw());
  }

  #facts(entries) {
    for (const [term, text] of entries) {
      if (!this.facts.has(term)) {
        const definition = element('dd');
        this.list.append(element('div', {}, element('dt', {}, term), definition));
        this.facts.set(term, definition);
      }
      setText(this.facts.get(term), text);
    }
  }

  #switches() {
    const step = number(this.#run?.header?.switchStep);
    return step === null ? [] : [step];
  }

  /** The newest there is. */
  #spectrum() {
    const found = this.#history.verdicts.findLast(({ verdict }) => verdict.spectrum);
    return found === undefined ? null : {
      edges: found.verdict.spectrum.edges.map(Number),
      counts: found.verdict.spectrum.counts,
      below: found.verdict.spectrum.belowResolution,
      step: found.step,
    };
  }
}

function guarantee(run) {
  if (variant(run) === 'base') {
    return 'Nothing: a base run has no phase 2.';
  }
  const given = run.result?.guarantee ?? run.guarantee;
  if (!given) {
    return 'Not known yet: the switch has not come.';
  }
  if (name(given) === 'none') {
    return `Nothing: ${given.reason}`;
  }
  const gap = number(given.optimalityGap);
  const held = given.held === undefined || given.held === null ? '' : given.held ? ' It was kept.' : ' IT WAS VIOLATED.';
  return given.text + held + (gap === null ? '' : ` The loss is at most ${atMost(gap)} above the infimum.`);
}

function name(given) {
  return (given.statement ?? '').replace('GUARANTEE_STATEMENT_', '').toLowerCase();
}

function verdictTable() {
  const certificate = ({ verdict }) => verdict.certificate;
  const bound = (value, shown) => (value === null ? '–' : shown(value));
  return new KeyedTable('Certificates, the newest first', [
    { title: 'step', header: true, number: true, text: ({ step, verdict }) => `${step}${verdict.witness ? ' (witness)' : ''}` },
    { title: 'phase', text: ({ verdict }) => phase(verdict.phase) },
    { title: 'outcome', text: (item) => outcome(certificate(item)), state: (item) => certificate(item).outcome },
    { title: 'method', text: (item) => method(certificate(item)) },
    { title: 'σ_min ≥', number: true, text: (item) => bound(sigmaMin(certificate(item)), atLeast) },
    { title: 'σ_max ≤', number: true, text: (item) => bound(number(certificate(item).sigmaMaxUpperBound), atMost) },
    { title: 'time', number: true, text: (item) => seconds(number(certificate(item).seconds)) },
    {
      title: 'proof',
      text: ({ verdict }) => `${proof(verdict.certificate, verdict.carriedFromStep)} In the checker's words: ${verdict.certificate.reason}`,
    },
  ]);
}
