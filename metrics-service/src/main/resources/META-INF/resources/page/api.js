/** The metrics service, over HTTP. */

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 10000;
// The server's heartbeat comes every 5 s.
const SILENCE_LIMIT = 20000;

/** A refusal of the server, or that it cannot be reached. */
export class ApiError extends Error {}

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  let response;
  try {
    response = await fetch(`/api/v1/${path}${query ? `?${query}` : ''}`);
  } catch {
    throw new ApiError('the metrics service cannot be reached');
  }
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) {
    const failure = new ApiError(body?.message ?? `the metrics service answered ${response.status}`);
    failure.code = body?.code;
    throw failure;
  }
  return body;
}

/** All pages of a list. */
export async function getAll(path, field, parameters = {}) {
  const items = [];
  let token = '';
  do {
    const page = await get(path, { ...parameters, page_size: 1000, ...(token ? { page_token: token } : {}) });
    items.push(...page[field]);
    token = page.nextPageToken;
  } while (token);
  return items;
}

/** Applies an action to all items, a few at a time: a browser has few connections to a server. */
export async function forEachFew(items, action) {
  const waiting = [...items];
  const worker = async () => {
    while (waiting.length > 0) {
      await action(waiting.shift());
    }
  };
  await Promise.all([worker(), worker(), worker()]);
}

/**
 * Keeps a view up to date: opens its stream of events, has the view load what the stream does not tell, and after any
 * failure begins again, until it is closed. A page that is hidden does not listen.
 *
 * view: {path, load(), take(message)}, where path may be null if there is no stream; then load() is repeated.
 * onState(state, why): 'connecting', 'live', 'ended' or 'broken'.
 */
export class LiveView {
  #view;
  #onState;
  #source = null;
  #timers = new Set();
  #silence = null;
  #pause = FIRST_PAUSE;
  #round = 0;
  #visibility = () => (document.hidden ? this.#stop() : this.#begin());

  constructor(view, onState) {
    this.#view = view;
    this.#onState = onState;
    document.addEventListener('visibilitychange', this.#visibility);
    this.#onState('connecting');
    this.#begin();
  }

  close() {
    document.removeEventListener('visibilitychange', this.#visibility);
    this.#stop();
  }

  async #begin() {
    this.#stop();
    const round = this.#round;
    try {
      if (this.#view.path !== null) {
        await this.#open(round).catch(async (failure) => {
          // A broken stream does not say why; what is loaded does.
          await this.#view.load();
          throw failure;
        });
      }
      await this.#view.load();
      if (round !== this.#round) {
        return;
      }
      this.#pause = FIRST_PAUSE;
      if (this.#view.path === null) {
        this.#onState('live');
        this.#later(() => this.#begin(), this.#view.everyMilliseconds);
      } else {
        this.#onState(this.#source === null ? 'ended' : 'live');
      }
    } catch (failure) {
      this.#broken(round, failure);
    }
  }

  /** Resolves with the first message. */
  #open(round) {
    return new Promise((resolve, reject) => {
      const source = new EventSource(`/api/v1/${this.#view.path}`);
      this.#source = source;
      let opened = false;
      const fail = (why) => {
        this.#closeSource();
        if (opened) {
          this.#broken(round, new ApiError(why));
        } else {
          reject(new ApiError(why));
        }
      };
      const heard = () => {
        clearTimeout(this.#silence);
        this.#silence = setTimeout(() => fail('nothing comes any more'), SILENCE_LIMIT);
      };
      heard();
      source.onmessage = (event) => {
        heard();
        try {
          this.#view.take(JSON.parse(event.data));
        } catch (failure) {
          this.#closeSource();
          this.#broken(round, failure);
          return;
        }
        opened = true;
        resolve();
      };
      source.addEventListener('heartbeat', heard);
      source.addEventListener('failure', (event) => fail(JSON.parse(event.data).message));
      source.addEventListener('end', () => this.#end(round));
      source.onerror = () => fail('the stream broke');
    });
  }

  /** Everything has been told: what was missed in between is loaded a last time. */
  async #end(round) {
    this.#closeSource();
    try {
      await this.#view.load();
      if (round === this.#round) {
        this.#onState('ended');
      }
    } catch (failure) {
      this.#broken(round, failure);
    }
  }

  #broken(round, failure) {
    if (round !== this.#round) {
      return;
    }
    this.#stop();
    this.#later(() => this.#begin(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    if (failure instanceof ApiError) {
      this.#onState('broken', failure.message);
    } else {
      this.#onState('broken', `the page failed (${failure.message})`);
      console.error(failure);
    }
  }

  #stop() {
    this.#round += 1;
    this.#timers.forEach(clearTimeout);
    this.#timers.clear();
    this.#closeSource();
  }

  #closeSource() {
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }

  #later(action, milliseconds) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, milliseconds);
    this.#timers.add(timer);
  }
}
