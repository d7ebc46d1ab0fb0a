/** What a run reported over its steps, from what was loaded and what has come since. */
import { get } from './api.js';
import { number, sigmaMin } from './format.js';

const MAX_POINTS = 1000;
// Other checks than that of the features have measures of every layer in each verdict.
const MAX_POINTS_OF_OTHERS = 100;

export class History {
  progress = [];
  #verdicts = new Map();
  #run;
  #only;
  #attempt = null;
  // By check, the first step whose verdict is known without what a run's state leaves out of it.
  #incomplete = new Map();

  /** only: the checks to take verdicts of; all unless given. */
  constructor(run, only = null) {
    this.#run = run;
    this.#only = only;
  }

  /** Loads what the service knows of the checks that the run has told of, and keeps what came meanwhile. */
  async load() {
    const attempt = this.#attempt;
    const path = `runs/${encodeURIComponent(this.#run)}`;
    const progress = (await get(`${path}/progress`, { max_points: MAX_POINTS })).progress.map(progressPoint);
    const verdicts = new Map();
    for (const check of this.checks) {
      const max_points = check === 'expressivity' ? MAX_POINTS : MAX_POINTS_OF_OTHERS;
      verdicts.set(check, (await get(`${path}/verdicts`, { check, max_points })).verdicts.map(verdictPoint));
    }
    if (attempt === this.#attempt) {
      this.progress = merged(progress, this.progress);
      verdicts.forEach((loaded, check) => this.#takeLoaded(check, loaded));
    }
  }

  /** Whether something is left to complete. */
  get isIncomplete() {
    return this.#incomplete.size > 0;
  }

  /** Loads what the stream has left out of verdicts: histograms, and measures where there are very many. */
  async complete() {
    const attempt = this.#attempt;
    for (const [check, from_step] of [...this.#incomplete]) {
      const { verdicts } = await get(`runs/${encodeURIComponent(this.#run)}/verdicts`, { check, from_step, page_size: MAX_POINTS_OF_OTHERS });
      if (attempt === this.#attempt) {
        this.#takeLoaded(check, verdicts.map(verdictPoint));
      }
    }
  }

  #takeLoaded(check, loaded) {
    this.#verdicts.set(check, merged(this.verdictsOf(check), loaded));
    if (this.#incomplete.get(check) <= loaded.at(-1)?.step) {
      this.#incomplete.delete(check);
    }
  }

  /** Takes the run as a stream tells it; returns whether it has started anew, so that it has to be loaded again. */
  take(run) {
    const attempt = run.header?.attempt ?? null;
    const anew = this.#attempt !== null && attempt !== this.#attempt;
    this.#attempt = attempt;
    if (anew) {
      this.progress = [];
      this.#verdicts.clear();
      this.#incomplete.clear();
    }
    if (run.progress) {
      this.progress = merged(this.progress, [progressPoint(run.progress)]);
    }
    for (const verdict of [run.witnessVerdict, run.latestVerdict, ...(run.latestVerdicts ?? [])]) {
      if (verdict && (this.#only === null || this.#only.includes(verdict.check))) {
        this.#takeTold(verdict.check, verdictPoint(verdict));
      }
    }
    return anew;
  }

  #takeTold(check, point) {
    const known = this.verdictsOf(check);
    // One that was loaded says more.
    if (!known.some(({ step }) => step === point.step)) {
      this.#verdicts.set(check, merged(known, [point]));
      if (check !== 'expressivity') {
        this.#incomplete.set(check, Math.min(point.step, this.#incomplete.get(check) ?? Infinity));
      }
    }
  }

  /** The checks that there are verdicts of. */
  get checks() {
    return [...this.#verdicts.keys()];
  }

  /** The verdicts of a check, {step, verdict}, in the order of their steps. */
  verdictsOf(check) {
    return this.#verdicts.get(check) ?? [];
  }

  /** The verdicts of all checks, in the order of their steps. */
  get verdicts() {
    return [...this.#verdicts.values()].flat().sort((a, b) => a.step - b.step || a.verdict.check.localeCompare(b.verdict.check));
  }

  /** The points of a figure, of the steps at which it was measured. */
  of(figure) {
    return this.progress.map((point) => ({ x: point.step, y: point[figure] })).filter(({ y }) => y !== null);
  }

  /** Whether the loss is known of mini-batches only. */
  get ofMiniBatches() {
    return this.progress.every(({ trainLoss }) => trainLoss === null) && this.progress.some(({ batchLoss }) => batchLoss !== null);
  }

  /** The points of a check's bound on σ_min, where there is one. */
  bounds(check = 'expressivity') {
    return this.verdictsOf(check)
      .map(({ step, verdict }) => ({ x: step, y: sigmaMin(verdict.certificate) }))
      .filter(({ y }) => y !== null);
  }

  /** The points of a measure of a check; kind: of the first that it has unless given. */
  measures(check, name, { layer = '', kind = null } = {}) {
    return this.verdictsOf(check)
      .map(({ step, verdict }) => ({
        x: step,
        y: number(verdict.measures?.find((each) => each.name === name && each.layer === layer && (kind === null || each.kind === kind))?.value),
      }))
      .filter(({ y }) => y !== null);
  }
}

function progressPoint(progress) {
  return {
    step: number(progress.step),
    trainLoss: number(progress.trainLoss),
    batchLoss: number(progress.batchLoss),
    testLoss: number(progress.testLoss),
    trainError: number(progress.trainError),
    testError: number(progress.testError),
  };
}

function verdictPoint(verdict) {
  return { step: number(verdict.step), verdict };
}

/** Both lists in the order of their steps, the later one's where both have a step. */
function merged(earlier, later) {
  const last = earlier.at(-1)?.step ?? -1;
  if (later.length > 0 && later.every(({ step }, index) => step > (index === 0 ? last : later[index - 1].step))) {
    return [...earlier, ...later];
  }
  const bySteps = new Map([...earlier, ...later].map((point) => [point.step, point]));
  return [...bySteps.values()].sort((a, b) => a.step - b.step);
}
