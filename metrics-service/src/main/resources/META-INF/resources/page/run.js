/** One run: its curves, its guarantee, its certificates with their proofs, the spectrum of its features. */
import { Histogram, LineChart } from './charts.js';
import { CheckView, inOrder } from './checks.js';
import { KeyedTable, element, setText, throttled } from './dom.js';
import {
  about, analytic, atLeast, atMost, external, features, figures, hasEnded, hasOutcome, loss, marks, method, network, number, optimiser, outcome,
  percent, phase, proof, ruleAction, ruleCondition, seconds, sigmaMin, stateInShort, stateKind, statement, step, time, trainingLoss, variant,
} from './format.js';
import { History } from './history.js';

// Certificates that are shown until all are asked for.
const FEW = 20;

export class RunView {
  #history;
  #run = null;
  #views = new Map();
  #all = false;
  #loaded = false;
  // If it fails, the next verdict or the next connection makes up for it.
  #complete = throttled(() => this.#history.complete().then(() => this.#show(), () => {}), 3000);

  constructor(run) {
    this.title = `Run ${run}`;
    this.breadcrumb = [[run, null]];
    this.path = `runs/${encodeURIComponent(run)}/events`;
    this.#history = new History(run);

    this.facts = new Map();
    this.list = element('dl', { class: 'facts' });
    this.bar = element('progress', { 'aria-label': 'Steps done', max: '1', value: '0' });
    this.guarantee = element('p', { id: 'guarantee' });
    this.warnings = element('ul', { id: 'warnings', 'aria-label': 'Warnings' });
    this.layers = layersTable();
    this.network = element('section', { 'aria-labelledby': 'layers', hidden: '' },
      element('h2', { id: 'layers' }, 'Layers with parameters'), this.layers.node);
    const line = (label, style, dashed, figure) => ({ label, style, dashed, figure });
    const chart = (title, y, logarithmic, lines, joined = true) => new LineChart({
      title, y, logarithmic, joined, legend: lines, marks: () => marks(this.#run),
      series: () => lines.map(({ label, style, dashed, figure }) => ({ label, style, dashed, points: figure(this.#history) })),
    });
    this.charts = [
      chart('Loss', 'loss', true, [
        line('training', 'train', false, (history) => history.of('trainLoss')),
        line('mini-batch', 'batch', false, (history) => history.of('batchLoss')),
        line('test', 'test', true, (history) => history.of('testLoss')),
      ]),
      chart('Error', 'fraction wrong', false, [
        line('training', 'train', false, (history) => history.of('trainError')),
        line('test', 'test', true, (history) => history.of('testError')),
      ]),
      chart('Proven lower bound on σ_min', 'σ_min ≥', true, [
        line('bound', 'two-phase', false, (history) => history.bounds()),
      ], false),
      new Histogram({
        title: 'Spectrum', x: 'singular value, logarithmic', values: 'singular values', histogram: () => this.#spectrum(),
      }),
    ];
    this.table = verdictTable();
    this.allCertificates = element('button', { type: 'button', hidden: '', 'aria-pressed': 'false', click: () => this.#showAll() });
    this.rules = rulesTable();
    this.ruled = element('section', { 'aria-labelledby': 'rules', hidden: '' },
      element('h2', { id: 'rules' }, 'What rules did'), this.rules.node);
    this.checks = element('div');
    this.node = element('div', {},
      element('h1', {}, this.title), this.bar, this.warnings, this.list,
      element('section', { 'aria-labelledby': 'phase-two' },
        element('h2', { id: 'phase-two' }, 'What is guaranteed of phase 2'), this.guarantee),
      this.ruled,
      element('section', { 'aria-labelledby': 'curves' },
        element('h2', { id: 'curves' }, 'Curves'),
        element('div', { class: 'charts' }, ...this.charts.map(({ node }) => node))),
      this.checks,
      element('section', { 'aria-labelledby': 'certificates' },
        element('h2', { id: 'certificates' }, 'Certificates'), this.table.node, this.allCertificates),
      this.network);
  }

  async load() {
    await this.#history.load();
    this.#loaded = true;
    this.#show();
  }

  take({ run }) {
    this.#run = run;
    this.breadcrumb = [
      [run.request.experiment, `#/experiments/${encodeURIComponent(run.request.experiment)}`], [run.request.run, null],
    ];
    if (this.#history.take(run)) {
      this.load().catch(() => {});
    } else if (this.#loaded && this.#history.isIncomplete) {
      this.#complete();
    }
    this.#show();
  }

  close() {
    this.charts.forEach((chart) => chart.close());
    this.#views.forEach((view) => view.close());
  }

  #show() {
    const run = this.#run;
    if (run === null) {
      return;
    }
    this.#showSteps(run);
    const snapshots = run.snapshots ?? {};
    const count = (kind) => number(snapshots[kind]) ?? 0;
    const lost = count('published') - count('checked') - count('skipped') - count('dropped');
    const { spec } = run.request;
    this.#facts([
      ['state', stateInShort(run) + (run.stalled ? `: nothing heard since ${time(run.lastEventAt)}` : '')
        + (run.result?.reason ? `: ${run.result.reason}` : ''), stateKind(run)],
      ['variant', `${variant(run)}, seed ${run.request.seed}`],
      ['step', `${step(run)}, phase ${phase(run.progress?.phase)}`],
      ['training loss', trainingLoss(run)],
      ['test error', percent(number(figures(run).testError))],
      ['data set', dataSet(run)],
      ['network', network(spec)],
      ...(external(spec) ? this.#outside(run) : []),
      ['snapshots', `${count('published')} published, ${count('checked')} checked, ${count('skipped')} skipped, ${count('dropped')} dropped, ${hasEnded(run) ? lost : 0} lost`],
      ['started', time(run.header?.startedAt)],
    ]);
    setText(this.guarantee, guarantee(run));
    this.#warn(run, count('dropped'));
    this.network.hidden = !external(spec);
    this.layers.show((external(spec)?.layers ?? []).map((layer, index) => ({ ...layer, index })), ({ index }) => index);
    this.#showCertificates();
    this.ruled.hidden = !run.ruleEvents?.length;
    this.rules.show([...(run.ruleEvents ?? [])].reverse(), (event) => `${event.step} ${event.condition} ${event.action}`);
    this.charts.forEach((chart) => chart.draw());
    this.#showChecks();
  }

  /** The newest and those of witnesses, or all. */
  #showCertificates() {
    const all = this.#history.verdicts.filter(({ verdict }) => hasOutcome(verdict)).reverse();
    const shown = this.#all ? all : all.filter(({ verdict }, index) => index < FEW || verdict.witness);
    this.table.show(shown, ({ step: at, verdict }) => `${at} ${verdict.check}`);
    this.allCertificates.hidden = !this.#all && shown.length === all.length;
    this.allCertificates.setAttribute('aria-pressed', this.#all);
    setText(this.allCertificates, `Show all ${all.length}`);
  }

  #showAll() {
    this.#all = !this.#all;
    this.#showCertificates();
  }

  /** The checks that there is more of than their certificates. */
  #showChecks() {
    const shown = inOrder(this.#history.checks)
      .filter((check) => check !== 'expressivity' || this.#history.verdictsOf(check).some(({ verdict }) => verdict.measures?.length > 0));
    shown.forEach((check, index) => {
      if (!this.#views.has(check)) {
        this.#views.set(check, new CheckView(check, this.#history, () => marks(this.#run)));
      }
      const { node } = this.#views.get(check);
      if (this.checks.children[index] !== node) {
        this.checks.insertBefore(node, this.checks.children[index] ?? null);
      }
    });
    this.#views.forEach((view) => view.show());
  }

  /** A bar without a value where the number of steps is not known. */
  #showSteps(run) {
    const steps = number(run.header?.totalSteps) ?? 0;
    this.bar.max = Math.max(steps, 1);
    if (steps > 0 || hasEnded(run)) {
      this.bar.value = hasEnded(run) && steps === 0 ? 1 : number(run.result?.steps) || number(run.progress?.step) || 0;
    } else if (external(run.request.spec) && run.header && !run.stalled) {
      this.bar.removeAttribute('value');
    } else {
      this.bar.value = 0;
    }
  }

  /** What is only to be said of a run that a program outside Fullrank trains. */
  #outside(run) {
    const { spec } = run.request;
    const judged = run.witnessVerdict ?? run.latestVerdict;
    return [
      ['trained by', [external(spec).framework, run.header?.trainer].filter(Boolean).join(', ')],
      ['optimiser', optimiser(spec)],
      ['loss', loss(spec)],
      ['features', hasOutcome(judged) ? `${features(judged)}, ${judged.certificate.rows} × ${judged.certificate.columns}` : 'none judged yet'],
      ['operators below the output layer', analytic(external(spec))],
      ['last heard of', time(run.lastEventAt)],
    ];
  }

  #warn(run, dropped) {
    const warnings = [...new Set([...(run.request.warnings ?? []), ...(run.header?.warnings ?? [])])];
    if (dropped > 0) {
      warnings.push(`${dropped} ${dropped === 1 ? 'snapshot was dropped before it' : 'snapshots were dropped before they'} reached Kafka.`);
    }
    this.warnings.hidden = warnings.length === 0;
    const shown = [...this.warnings.children].map((item) => item.textContent);
    if (JSON.stringify(shown) !== JSON.stringify(warnings)) {
      this.warnings.replaceChildren(...warnings.map((warning) => element('li', {}, warning)));
    }
  }

  #facts(entries) {
    for (const [term, text, state] of entries) {
      if (!this.facts.has(term)) {
        const definition = element('dd');
        this.list.append(element('div', {}, element('dt', {}, term), definition));
        this.facts.set(term, definition);
      }
      setText(this.facts.get(term), text);
      if (state) {
        this.facts.get(term).dataset.state = state;
      }
    }
  }

  /** The newest there is. */
  #spectrum() {
    const found = this.#history.verdicts.findLast(({ verdict }) => verdict.spectrum);
    if (found === undefined) {
      return null;
    }
    const edges = found.verdict.spectrum.edges.map(Number);
    const { counts, belowResolution: below } = found.verdict.spectrum;
    const total = counts.reduce((sum, count) => sum + count, 0);
    return {
      edges,
      counts,
      below,
      words: `${total} of the features' singular values at step ${found.step}, from ${about(edges[0])} to ${about(edges.at(-1))}; `
        + `${below} below ${about(edges[0])}, which cannot be told from 0 in this way`,
    };
  }
}

function dataSet(run) {
  const known = run.header?.dataSet;
  if (!known) {
    return run.request.spec?.dataSet?.name || '–';
  }
  const rows = [[number(known.trainRows), 'training'], [number(known.testRows), 'test']]
    .filter(([count]) => count > 0).map(([count, kind]) => `${count} ${kind}`).join(' and ');
  return [known.name || '–', ...(rows ? [`${rows} rows`] : [])].join(', ');
}

function layersTable() {
  return new KeyedTable('From the input to the output', [
    { title: 'layer', header: true, text: ({ name: called }) => called },
    { title: 'kind', text: ({ kind }) => kind },
    { title: 'parameters', number: true, text: ({ parameters }) => Number(parameters).toLocaleString() },
  ]);
}

function guarantee(run) {
  if (variant(run) === 'base') {
    return 'Nothing: a base run has no phase 2.';
  }
  const given = run.result?.guarantee ?? run.guarantee;
  if (!given) {
    return external(run.request.spec) ? 'Nothing was stated yet: the client does so at the switch, if it can.'
      : 'Not known yet: the switch has not come.';
  }
  if (name(given) === 'none') {
    return `Nothing: ${given.reason}`;
  }
  const gap = number(given.optimalityGap);
  const held = given.held === undefined || given.held === null ? '' : given.held ? ' It was kept.' : ' IT WAS VIOLATED.';
  const source = external(run.request.spec) ? 'As the client states: ' : '';
  return source + given.text + held + (gap === null ? '' : ` The final loss is at most ${atMost(gap)} above the infimum.`);
}

function name(given) {
  return (given.statement ?? '').replace('GUARANTEE_STATEMENT_', '').toLowerCase();
}

function verdictTable() {
  const certificate = ({ verdict }) => verdict.certificate;
  const bound = (value, shown) => (value === null ? '–' : shown(value));
  return new KeyedTable('The newest first, and those of witnesses', [
    { title: 'step', header: true, number: true, text: ({ step, verdict }) => `${step}${verdict.witness ? ' (witness)' : ''}` },
    { title: 'check', text: ({ verdict }) => verdict.check },
    { title: 'phase', text: ({ verdict }) => phase(verdict.phase) },
    { title: 'features', text: ({ verdict }) => features(verdict) },
    { title: 'speaks of', text: ({ verdict }) => statement(verdict) },
    { title: 'outcome', text: (item) => outcome(certificate(item)), state: (item) => certificate(item).outcome },
    { title: 'method', text: (item) => method(certificate(item)) },
    { title: 'σ_min ≥', number: true, text: (item) => bound(sigmaMin(certificate(item)), atLeast) },
    { title: 'σ_max ≤', number: true, text: (item) => bound(number(certificate(item).sigmaMaxUpperBound), atMost) },
    { title: 'time', number: true, text: (item) => seconds(number(certificate(item).seconds)) },
    {
      title: 'proof',
      text: ({ verdict }) => `${proof(verdict)} In the checker's words: ${verdict.certificate.reason}`,
    },
  ]);
}

function rulesTable() {
  return new KeyedTable('The newest first', [
    { title: 'step', header: true, number: true, text: (event) => event.step },
    { title: 'when', text: ruleCondition },
    { title: 'did', text: ruleAction },
    { title: 'value', number: true, text: ({ value }) => about(number(value)) },
    { title: 'limit', number: true, text: ({ limit }) => about(number(limit)) },
    { title: 'of', text: ({ check, layer }) => [check, layer].filter(Boolean).join(', ') || '–' },
    { title: 'what happened', text: ({ text }) => text },
  ]);
}
