// The state of a page lies in its address: `#/use/NAME?temperature=0.8`.

/** @typedef {{path: string[], query: URLSearchParams}} Address */

/** @returns {Address} */
export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
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

/**
 * Write the state of this page into its address, without a new entry in the history.
 * @param {Record<string, any>} query
 */
export function keep(query) {
  history.replaceState(null, "", to(here().path, query));
}
