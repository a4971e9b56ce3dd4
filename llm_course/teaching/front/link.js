// The page's side of a model that a kernel makes and nothing shows: it is listed for the forms under its name.

function initialize({ model }) {
  window.llmCourse ??= { models: new Map(), events: new EventTarget() };
  const course = window.llmCourse;
  const name = model.get("name");
  if (!course.models.has(name)) course.models.set(name, new Set());
  course.models.get(name).add(model);
  course.events.dispatchEvent(new CustomEvent("model", { detail: { name, model } }));
  return () => {
    course.models.get(name).delete(model);
    course.events.dispatchEvent(new CustomEvent("gone", { detail: { name } }));
  };
}

export default { initialize };
