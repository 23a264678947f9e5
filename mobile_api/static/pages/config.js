/** The page's settings, written by the server into one JSON block. Scripts read it, never inline code. */
export const config = Object.freeze(JSON.parse(document.getElementById("page-config").textContent));
