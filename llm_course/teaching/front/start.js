// Bring every form on the page to life that is not yet. Each output carries this script, since any of them may be the
// only one there.
for (const root of document.querySelectorAll("section[data-lc-spec]")) {
  const spec = unveil(root.dataset.lcSpec);
  delete root.dataset.lcSpec;
  keepKeys(root);
  kinds[spec.kind](spec, root);
}
