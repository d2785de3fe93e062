// The state of a page lies in its address: `#/use/NAME?temperature=0.8`.

/** @typedef {{path: string[], query: URLSearchParams}} Address */

/** @returns {Address} */
export function here() {
  const words = location.hash.replace(/^#\/?/, "");
  const end = words.indexOf("?"); // a later one is part of what a question asks
  const path = end < 0 ? words : words.slice(0, end);
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(end < 0 ? "" : words.slice(end + 1)) };
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * Return the address of a page.
 * @param {string[]} path
 * @param {Record<string, any> | URLSearchParams} [query] what is empty is left out
 */
export function to(path, query = {}) {
  const given = query instanceof URLSearchParams ? query : new URLSearchParams();
  if (!(query instanceof URLSearchParams)) {
    for (const [name, value] of Object.entries(query)) {
      if (value === undefined || value === null || value === "" || value === false) continue;
      for (const one of Array.isArray(value) ? value : [value]) given.append(name, String(one));
    }
  }
  const words = given.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${words ? `?${words}` : ""}`;
}

const MOST_AT_ONCE = 20;
const WITHIN_MILLISECONDS = 5000;
/** @type {number[]} when it was written last, the newest last */
let written = [];
let waiting = 0;
/** @type {{place: string, query: Record<string, any>}} what is to be written, or was last */
let wanted = { place: "", query: {} };

/**
 * Write the state of this page into its address, without a new entry in the history. What changes often, such as the
 * step of a match, is written at most 20 times in five seconds: browsers stop pages that write all the time.
 * @param {Record<string, any>} query
 */
export function keep(query) {
  const { path } = here();
  wanted = { place: path.join("/"), query };
  clearTimeout(waiting);
  const write = () => {
    if (here().path.join("/") !== wanted.place) return; // another page has come meanwhile
    written = [...written, performance.now()].slice(-MOST_AT_ONCE);
    history.replaceState(null, "", to(path, wanted.query));
  };
  const wait = written.length < MOST_AT_ONCE ? 0 : written[0] + WITHIN_MILLISECONDS - performance.now();
  if (wait <= 0) write();
  else waiting = setTimeout(write, wait);
}

/**
 * Write a part of the state of this page into its address, and leave the rest of it.
 * @param {Record<string, any>} query
 */
export function keepAlso(query) {
  const { path, query: before } = here();
  keep({ ...(wanted.place === path.join("/") ? wanted.query : Object.fromEntries(before)), ...query });
}
