/** All experiments: what needs attention, then how far each is and what came out of it, a page of them at a time. */
import { forEachFew, get } from './api.js';
import { KeyedChildren, element, setText } from './dom.js';
import { hasOutcome, name, network, number, outcome, percent, statedBy, time } from './format.js';
import { Sparkline } from './sparkline.js';

const STATES = ['finished', 'running', 'failed', 'cancelled', 'pending'];
const PAGE_SIZE = 20;
const FEW = 5;
const MANY = 100;
// Curves are the dearest that is shown here.
const CURVE_PAUSE = 15000;

export class ExperimentsView {
  title = 'Experiments';
  breadcrumb = [];
  path = null;
  everyMilliseconds = 3000;
  // The tokens of the pages up to the one that is shown.
  #tokens = [''];
  #next = '';
  #all = false;
  #curves = new Map();

  constructor() {
    this.attention = new KeyedChildren(element('ul', { class: 'attention' }), concern);
    this.calm = element('p', { class: 'muted', hidden: '' }, 'Nothing does.');
    this.more = element('button', { type: 'button', hidden: '', click: () => this.#showAll() });
    this.cards = new KeyedChildren(element('ol', { class: 'experiments' }), card);
    this.none = element('p', { hidden: '' }, 'There is none yet. Submit one: ', element('code', {}, './fullrank run FILE --server localhost'));
    this.newer = element('button', { type: 'button', click: () => this.#turn(-1) }, 'Newer');
    this.older = element('button', { type: 'button', click: () => this.#turn(1) }, 'Older');
    this.page = element('span', { role: 'status' });
    this.pages = element('nav', { class: 'pages', 'aria-label': 'Pages of experiments', hidden: '' }, this.newer, this.page, this.older);
    this.node = element('div', {},
      element('h1', {}, this.title),
      element('section', { id: 'attention', 'aria-labelledby': 'needs-attention' },
        element('h2', { id: 'needs-attention' }, 'Needs attention'), this.calm, this.attention.parent, this.more),
      element('section', { 'aria-labelledby': 'all' },
        element('h2', { id: 'all' }, 'All, the newest first'), this.none, this.cards.parent, this.pages));
  }

  async load() {
    const tokens = this.#tokens;
    const all = this.#all;
    const [attention, { experiments, nextPageToken }] = await Promise.all([
      get('attention', { limit: all ? MANY : FEW }),
      get('experiments', { page_size: PAGE_SIZE, page_token: tokens.at(-1) }),
    ]);
    if (tokens !== this.#tokens || all !== this.#all) {
      // Something else was asked for meanwhile.
      return;
    }
    this.#showAttention(attention);
    this.#next = nextPageToken;
    this.none.hidden = experiments.length > 0 || this.#tokens.length > 1;
    this.pages.hidden = this.#tokens.length === 1 && !nextPageToken;
    this.newer.disabled = this.#tokens.length === 1;
    this.older.disabled = !nextPageToken;
    setText(this.page, `Page ${this.#tokens.length}`);
    this.#showCards(experiments);
    await this.#loadCurves(experiments);
  }

  close() {}

  #showAttention({ attention, total }) {
    this.calm.hidden = total > 0;
    this.attention.show(attention, ({ kind, run, check }) => `${kind} ${run} ${check}`);
    this.more.hidden = total <= FEW;
    setText(this.more, this.#all ? `Show the latest ${FEW} only`
      : total > MANY ? `Show the latest ${MANY} of ${total}` : `Show all ${total}`);
  }

  #showAll() {
    this.#all = !this.#all;
    this.#loadNow();
  }

  #turn(pages) {
    this.#tokens = pages > 0 ? [...this.#tokens, this.#next] : this.#tokens.slice(0, -1);
    // Until it is known what comes after.
    this.newer.disabled = true;
    this.older.disabled = true;
    this.#loadNow();
  }

  #loadNow() {
    // If this fails, the next time says why.
    this.load().catch(() => {});
  }

  #showCards(experiments) {
    this.cards.show(experiments.map((item) => ({ ...item, curves: this.#curves.get(item.experiment)?.curves })), (item) => item.experiment);
  }

  /** Loads the curves of the experiments whose runs have gone on, each once in a while. */
  async #loadCurves(experiments) {
    const now = performance.now();
    const due = experiments.filter(({ experiment, done, testErrors }) => {
      const before = this.#curves.get(experiment);
      return testErrors.length > 0 && (!before || (before.done !== done && now - before.at > CURVE_PAUSE));
    });
    await forEachFew(due, async ({ experiment, done }) => {
      const curves = await get(`experiments/${encodeURIComponent(experiment)}/test-errors`).catch((failure) => {
        if (failure.code === 'NOT_FOUND') {
          // It was deleted meanwhile.
          return null;
        }
        throw failure;
      });
      this.#curves.set(experiment, { curves, done, at: now });
      this.#showCards(experiments);
    });
    for (const known of this.#curves.keys()) {
      if (!experiments.some(({ experiment }) => experiment === known)) {
        this.#curves.delete(known);
      }
    }
  }
}

/** One thing to look at. */
function concern() {
  const kind = element('strong', { class: 'tag' });
  const run = element('a');
  const text = element('span', { class: 'text' });
  const when = element('span', { class: 'muted when' });
  return {
    node: element('li', {}, kind, run, text, when),
    fill(item) {
      setText(kind, name('ATTENTION_KIND_', item.kind).replaceAll('-', ' '));
      kind.dataset.kind = name('ATTENTION_KIND_', item.kind);
      setText(run, item.run);
      run.setAttribute('href', `#/runs/${encodeURIComponent(item.run)}`);
      setText(text, (item.check ? `${item.check}: ` : '') + item.text);
      setText(when, [...(number(item.step) ? [`step ${item.step}`] : []), ...(item.at ? [time(item.at)] : [])].join(', '));
    },
  };
}

/** One experiment at a glance. */
function card() {
  const title = element('a');
  const subject = element('p', { class: 'muted' });
  const progress = progressBar();
  const checks = new KeyedChildren(element('ul', { class: 'checks' }), checkLine);
  const unchecked = element('p', { class: 'muted' }, 'none yet');
  const errors = testErrors();
  return {
    node: element('li', { class: 'card' },
      element('div', {}, element('h3', {}, title), subject),
      element('div', {}, element('p', { class: 'label' }, 'progress'), ...progress.nodes),
      element('div', {}, element('p', { class: 'label' }, 'checks'), unchecked, checks.parent),
      element('div', {}, element('p', { class: 'label' }, 'test error'), ...errors.nodes)),
    fill(item) {
      setText(title, item.experiment);
      title.setAttribute('href', `#/experiments/${encodeURIComponent(item.experiment)}`);
      setText(subject, [item.spec?.dataSet?.name, network(item.spec), time(item.submittedAt)].filter(Boolean).join(', '));
      progress.fill(item);
      unchecked.hidden = item.checks.length > 0;
      // Certificates before estimates.
      checks.show([...item.checks].sort((a, b) => Number(a.withoutOutcome > 0) - Number(b.withoutOutcome > 0)), ({ check }) => check);
      errors.fill(item);
    },
  };
}

/** How far the runs are together, and how many are in which state. */
function progressBar() {
  const parts = ['finished', 'failed', 'cancelled', 'running'].map((state) => element('span', { class: state }));
  const bar = element('div', { class: 'bar', role: 'progressbar', 'aria-label': 'Steps done', 'aria-valuemin': '0', 'aria-valuemax': '100' }, ...parts);
  const words = element('p');
  return {
    nodes: [bar, words],
    fill({ runs, done }) {
      const count = (state) => runs.find((entry) => name('RUN_STATE_', entry.state) === state)?.runs ?? 0;
      const all = STATES.reduce((sum, state) => sum + count(state), 0);
      const ended = count('finished') + count('failed') + count('cancelled');
      const share = (part) => `${(100 * part).toFixed(2)}%`;
      for (const part of parts) {
        part.style.width = share(part.className === 'running' ? Math.max(0, done - ended / all) : count(part.className) / all);
      }
      const said = `${percent(done, 0)}: ` + STATES.filter((state) => count(state) > 0)
        .map((state) => `${count(state)} ${state}`).join(', ');
      bar.setAttribute('aria-valuenow', Math.round(100 * done));
      bar.setAttribute('aria-valuetext', said);
      setText(words, said);
    },
  };
}

/** What the newest verdicts of a check say, and what the very newest states. */
function checkLine() {
  const check = element('span', { class: 'check' });
  const outcomes = new KeyedChildren(element('span', { class: 'outcomes' }), () => {
    const node = element('span');
    return {
      node,
      fill({ kind, count, first }) {
        node.dataset.state = `OUTCOME_${kind}`;
        setText(node, `${first ? '' : ', '}${count}\u00a0${kind}`);
      },
    };
  });
  const stated = element('span');
  const run = element('a');
  const latest = element('span', { class: 'muted' }, 'latest ', stated, ' at ', run);
  return {
    node: element('li', {}, check, ' ', outcomes.parent, latest),
    fill(summary) {
      setText(check, summary.check);
      outcomes.show(['certified', 'refuted', 'undetermined'].filter((kind) => summary[kind] > 0)
        .map((kind, index) => ({ kind: kind.toUpperCase(), count: summary[kind], first: index === 0 })), ({ kind }) => kind);
      const verdict = summary.latest;
      latest.hidden = !verdict;
      if (verdict) {
        setText(stated, [...(hasOutcome(verdict) ? [outcome(verdict.certificate)] : []), statedBy(verdict)].filter(Boolean).join(', ') || 'measures by layer');
        setText(run, `step ${verdict.step}`);
        run.setAttribute('href', `#/runs/${encodeURIComponent(verdict.run)}`);
        run.setAttribute('aria-label', `run ${verdict.run}, step ${verdict.step}`);
      }
    },
  };
}

/** The mean test errors of both variants, with their curves. */
function testErrors() {
  const none = element('p', { class: 'muted' }, 'none yet');
  const sparkline = new Sparkline('Test error over the steps');
  const keys = [['base', 'VARIANT_BASE', 'key base dashed'], ['two-phase', 'VARIANT_TWO_PHASE', 'key two-phase']]
    .map(([called, variant, style]) => ({ called, variant, node: element('li', { class: style }) }));
  const list = element('ul', { class: 'legend' }, ...keys.map(({ node }) => node));
  return {
    nodes: [none, sparkline.node, list],
    fill({ testErrors: errors, curves }) {
      none.hidden = errors.length > 0;
      for (const { called, variant, node } of keys) {
        const error = errors.find((each) => each.variant === variant);
        node.hidden = !error;
        setText(node, error ? `${called} ${percent(number(error.mean))}` : '');
        node.title = error ? `mean of ${error.runs} ${error.runs === 1 ? 'run' : 'runs'}, as reported last` : '';
      }
      sparkline.show(curves
        ? [['base', curves.base], ['two-phase', curves.twoPhase]].map(([style, curve]) => ({
          label: style,
          style,
          dashed: style === 'base',
          points: (curve?.points ?? []).map(({ step, mean }) => ({ x: number(step), y: number(mean) })),
        }))
        : []);
    },
  };
}
