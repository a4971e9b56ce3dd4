"""What the playgrounds show, as HTML that is safe to display.

Knows nothing about widgets. Each function calls one use case with the values of the controls. It returns the HTML and
one short sentence for screen readers, which would otherwise read a whole table at every move of a slider. Figures have
two decimals, so that they are the same everywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from llm_course.errors import BadOption, InputTooLong
from llm_course.teaching.output import bars, literal

if TYPE_CHECKING:
    from llm_course.shelf.loading import LanguageModel
    from llm_course.use_cases.embodied import Episode
    from llm_course.worlds.scenes import Scene

BARS = 10
NEW_TOKENS = 30
Values = dict[str, Any]  # of the controls, by their names; the browser sends them as JSON
Panel = tuple[str, str]
Model: TypeAlias = "LanguageModel | str | Path | None"


def decoding(values: Values, model: Model = None) -> Panel:
    """For two settings of temperature, top-k and top-p: the ten most probable next tokens, and one text drawn so."""
    prompt = values["prompt"]
    found = []
    for name, ending in (("Setting A", ""), ("Setting B", "_b")):
        chosen = [values[f"{option}{ending}"] for option in ("temperature", "top_k", "top_p")]
        html, said = _setting(prompt, chosen[0], chosen[1], chosen[2], values["seed"], model)
        label = f'role="group" aria-label="{name}: result"'
        found.append((f'<div class="lc-column" {label}><p><b>{name}</b></p>{html}</div>', f"{name}: {said}"))
    return f'<div class="lc-columns">{"".join(html for html, _ in found)}</div>', " ".join(said for _, said in found)


def _setting(prompt: str, temperature: float, top_k: int, top_p: float, seed: int, model: Model) -> Panel:
    from llm_course.use_cases.generation import generate

    ranked = _ranked(prompt, temperature or 1.0, model)
    shares, kept = after_cuts([share for _, share in ranked], temperature, top_k, top_p)
    visible = {_visible(token): token for token, _ in ranked[:BARS]}
    rows = [
        (_visible(token), share, f"{share:.2f}" if number < kept else "cut")
        for number, ((token, _), share) in enumerate(zip(ranked[:BARS], shares, strict=False))
    ]
    everything = top_k == 0 and top_p == 1 and temperature > 0
    some = "every token can be drawn" if everything else f"{kept} {'token' if kept == 1 else 'tokens'} can be drawn"
    if not everything and kept == len(ranked) and (top_k == 0 or top_k > kept):
        some = f"at least {kept} tokens can be drawn"
    chart = bars(f"Probability of the next token; {some}", rows, token=visible.__getitem__)
    text = generate(
        prompt, max_new_tokens=NEW_TOKENS, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed, model=model
    )
    which = "greedy, always the same" if temperature == 0 else f"drawn with seed {seed}"
    html = f"{chart}<p>{literal(prompt)}<b>{literal(text.text)}</b></p><p><i>({which})</i></p>"
    return html, f"most probable {rows[0][0]}, {rows[0][2]}. The text: {prompt}{text.text}"


def _ranked(prompt: str, temperature: float, model: Model) -> list[tuple[str, float]]:
    """Next tokens by probability: many, to find where top-p cuts, fewer where the vocabulary is smaller."""
    from llm_course.use_cases.generation import next_tokens

    for count in (256, 64):
        try:
            return next_tokens(prompt, k=count, temperature=temperature, model=model)
        except BadOption:
            continue
    return next_tokens(prompt, k=BARS, temperature=temperature, model=model)


def after_cuts(shares: list[float], temperature: float, top_k: int, top_p: float) -> tuple[list[float], int]:
    """Probabilities after top-k and top-p, in the order of decoding, and how many tokens are left.

    Args:
        shares: probabilities after temperature, largest first; they may stop before they sum to 1.
        temperature: 0 is greedy: one token is left, with probability 1.
        top_k: keep so many; 0 keeps all.
        top_p: then keep the fewest whose probabilities, rescaled to sum to 1, reach this.

    Returns:
        ``(shares, kept)``: as many shares as given, 0 for tokens that are cut. Where top-p reaches past the tokens
        given, ``kept`` is their number, and the shares are scaled as if the next token were the last one kept.
    """
    if temperature == 0:
        return [1.0, *[0.0] * (len(shares) - 1)], 1
    kept = min(top_k, len(shares)) if top_k else len(shares)
    total = sum(shares[:kept]) if top_k and top_k <= len(shares) else 1.0
    if top_p < 1:
        mass = 0.0
        for number, share in enumerate(shares[:kept], 1):
            mass += share / total
            if mass >= top_p - 1e-9:
                kept, total = number, mass * total
                break
        else:
            total *= top_p
    return [share / total if number < kept else 0.0 for number, share in enumerate(shares)], kept


def _visible(token: str) -> str:
    """A token with its spaces and line breaks made visible."""
    return token.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥") or "(empty)"


def sentiment(values: Values, model: Model = None) -> Panel:
    """Bars of the classes, and the most probable one in words."""
    from llm_course.use_cases.sentiment import sentiment as classify

    found = classify(values["text"], model=model)
    rows = [(name, share, f"{share:.2f}") for name, share in found.scores.items()]
    chart = bars("Probability of each class", rows)
    html = f"<p>Most probable: <b>{literal(found.label)}</b></p>{chart}"
    return html, f"Most probable: {found.label}, {found.scores[found.label]:.2f}"


def summary(values: Values, model: Model = None) -> Panel:
    """The summary, and whether its sentences are the text's own."""
    from llm_course.use_cases.summarization import summarize

    found = summarize(values["text"], max_sentences=values["sentences"], model=model)
    how = {
        "extractive": "extractive: sentences of the text, unchanged",
        "abstractive": "abstractive: new sentences, which may say what the text does not",
    }[found.method]
    words, before = len(found.text.split()), len(values["text"].split())
    return f"<p><b>{literal(found.text)}</b></p><p><i>({how}; {words} of {before} words)</i></p>", found.text


def translation(values: Values, model: Model = None) -> Panel:
    """The French translation."""
    from llm_course.use_cases.translation import translate

    found = translate(values["text"], num_beams=values["beams"], model=model)
    return f'<p lang="fr"><b>{literal(found.text)}</b></p>', found.text


def conversation(values: Values, history: list[dict[str, str]], model: Model = None) -> Panel:
    """The conversation after the user's turn ``values["text"]``, and the reply for screen readers.

    ``history`` is changed in place: it is the conversation so far. One that no longer fits the model's window is begun
    anew with this turn, and the panel says so.
    """
    from llm_course.use_cases.chat import chat

    turn, note = {"role": "user", "content": values["text"]}, ""
    try:
        reply = chat([*history, turn], system=None if history else values["system"].strip() or None, model=model)
    except InputTooLong:
        if not history:
            raise
        note = "<p><i>The conversation no longer fits the model's window, so it begins anew.</i></p>"
        history.clear()
        reply = chat([turn], system=values["system"].strip() or None, model=model)
    history[:] = reply.messages
    lines = "".join(f"<p><b>{literal(m['role'].capitalize())}:</b> {literal(m['content'])}</p>" for m in history)
    return note + lines, f"Assistant: {reply.text}"


def scene(drawn: Scene, question: str, model: Model = None) -> Panel:
    """The picture of a scene, what the model says is on it, and its answer to the question."""
    from llm_course.use_cases.vision import ask, describe
    from llm_course.worlds.scenes import draw, png

    told, found = describe(drawn, model=model), ask(drawn, question, model=model)
    html = (
        f'<p><img alt="{literal(str(drawn))}" width="240" height="240" '
        f'src="data:image/png;base64,{png(draw(drawn, 240))}"></p>'
        f"<p>Description: {literal(told.text)}</p>"
        f"<p>{literal(question)} <b>{literal(found.text)}</b> (probability {found.probability:.2f})</p>"
    )
    return html, f"{question} {found.text}, probability {found.probability:.2f}. Description: {told.text}"


def robot(episode: Episode, step: int) -> Panel:
    """The table after a step of an episode, the plans, and all that was tried; the step shown stands in bold."""
    from llm_course.worlds.tabletop_view import frames_of, svg

    frames = frames_of(episode)
    step = min(step, len(frames) - 1)
    layout, caption = frames[step]
    said = " ".join(caption.split())
    lines, left = [], list(enumerate(episode.moves, 1))
    for number, plan in enumerate(episode.plans, 1):
        lines.append(f"<li>{'Plan' if number == 1 else 'New plan'}: {literal(plan.text)}<ul>")
        while left:
            place, move = left.pop(0)
            tried = literal(f"{place}. {move}")
            lines.append(f"<li>{f'<b>{tried}</b>' if place == step else tried}</li>")
            if move.problem:
                break
        lines.append("</ul></li>")
    end = {True: "The wish is fulfilled.", False: "The wish is not fulfilled.", None: ""}[episode.success]
    shown = f"<p>{svg(layout, said)}</p><p><b>Step {step} of {len(frames) - 1}.</b> {literal(said)}</p>"
    return f"{shown}<ul>{''.join(lines)}</ul><p>{end}</p>", f"Step {step} of {len(frames) - 1}: {said}"
