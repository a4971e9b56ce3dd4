// Bring every form on the page to life that is not yet. Each output carries this script, since any of them may be the
// only one there. It has no more than its own kind of form, and leaves the others to their scripts.
for (const root of document.querySelectorAll("section[data-lc-spec]")) {
  const spec = unveil(root.dataset.lcSpec);
  if (!kinds[spec.kind]) continue;
  delete root.dataset.lcSpec;
  keepKeys(root);
  kinds[spec.kind](spec, root);
}
