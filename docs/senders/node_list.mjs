/** A list for a page that a Node program makes. Copy; Node 18 or newer, no package. */

/**
 * Return a list as HTML, empty where there is none in time: the page then shows what it has itself.
 *
 * @param {string} server Address of the list server.
 * @param {object} asked `scene`, `n`, `link`, `site`, `anonymous_id` and the other parameters of `/v1/recommendations.html`.
 * @param {{token?: string, timeoutMs?: number}} [options] `token`: of a visitor who is logged in and agreed.
 */
export async function recommended(server, asked, { token = "", timeoutMs = 300 } = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const address = `${server}/v1/recommendations.html?${new URLSearchParams(asked)}`;
  try {
    const answer = await fetch(address, { headers, redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
    const text = await answer.text();
    // Login pages and firewalls answer 200, too.
    return answer.status === 200 && text.startsWith('<ol class="civicrec-list">') ? text : "";
  } catch {
    return "";
  }
}
