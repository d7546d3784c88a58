/**
 * Asks the HTTP interface. Every call gives parsed JSON, or throws a `Problem` whose message is meant for a person.
 */

/** What a request was answered that did not do what was asked. */
export class Problem extends Error {
  /**
   * @param {string} message @param {number} status 0: the server was not reached
   * @param {any} [answer] what else the server said
   */
  constructor(message, status, answer = {}) {
    super(message);
    this.name = "Problem";
    this.status = status;
    this.answer = answer;
  }
}

/**
 * @param {string} method
 * @param {string} path below `/api`, beginning with a slash
 * @param {unknown} [body] sent as JSON; a Blob as it is
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function request(method, path, body, signal) {
  const isBlob = body instanceof Blob;
  let response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      signal,
      headers: body === undefined ? {} : { "Content-Type": isBlob ? "application/octet-stream" : "application/json" },
      body: body === undefined ? undefined : isBlob ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem("The server does not answer. Is it still running?", 0);
  }
  if (response.status === 204) return null;
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = {};
  }
  if (!response.ok) {
    throw new Problem(answer.error ?? `The server answered ${response.status}.`, response.status, answer);
  }
  return answer;
}

/** @param {string} path @param {AbortSignal} [signal] */
export const get = (path, signal) => request("GET", path, undefined, signal);
/** @param {string} path @param {unknown} [body] */
export const post = (path, body) => request("POST", path, body ?? undefined);
/** @param {string} path @param {unknown} body */
export const patch = (path, body) => request("PATCH", path, body);
/** @param {string} path @param {unknown} body */
export const put = (path, body) => request("PUT", path, body);
/** @param {string} path */
export const remove = (path) => request("DELETE", path);
