"""Which output of a model is which, where several lists tell of the same objects.

Names decide, as far as they say something; then shapes and types. Whole numbers are class ids.
"""

from __future__ import annotations

from collections.abc import Sequence

from sightline.model_inputs import plain_name
from sightline.types import TensorSpec

Shape = tuple[int | None, ...]

WORDS = {
    "count": ("num", "count", "valid"),
    "scores": ("score", "conf", "prob"),
    "classes": ("class", "label", "cls"),
    "boxes": ("box", "rois"),
}
"""Words in the names of outputs; of a name that has several, the first line counts."""


def role(output: TensorSpec) -> str | None:
    """What the name of an output says it is."""
    name = plain_name(output.name)
    return next((role for role, words in WORDS.items() if any(w in name for w in words)), None)


def fits(shape: Shape, pattern: Shape) -> bool:
    """Whether a shape can be this one; None in either stands for any number, ``()`` is unknown."""
    if not shape:
        return True
    return len(shape) == len(pattern) and all(
        a is None or b is None or a == b for a, b in zip(shape, pattern, strict=True)
    )


def object_lists(outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
    """Places of boxes (N, K, 4), scores (N, K), classes (N, K) and, where there is one, the count.

    Without a batch the shapes are (K, 4), (K,), (K,). None where they cannot be told apart.
    """
    at = _boxes(outputs)
    if at is None:
        return None
    lead = outputs[at].shape[:-1]
    rest = [i for i, o in enumerate(outputs) if i != at]
    counts = [i for i in rest if role(outputs[i]) == "count" and len(outputs[i].shape) <= 2]
    lists = [i for i in rest if i not in counts and fits(outputs[i].shape, lead)]
    scores, classes = _scores_and_classes(outputs, lists)
    if scores is None or classes is None:
        return None
    return (at, scores, classes, *counts[:1])


def _boxes(outputs: Sequence[TensorSpec]) -> int | None:
    able = [i for i, o in enumerate(outputs) if len(o.shape) in {2, 3} and o.shape[-1] in {4, None}]
    named = [i for i in able if role(outputs[i]) == "boxes"]
    sure = [i for i in able if outputs[i].shape[-1] == 4]
    for found in (named, sure):
        if len(found) == 1:
            return found[0]
    return None


def _scores_and_classes(
    outputs: Sequence[TensorSpec], lists: Sequence[int]
) -> tuple[int | None, int | None]:
    named: dict[str, int | None] = {}
    for wanted in ("scores", "classes"):
        found = [i for i in lists if role(outputs[i]) == wanted]
        named[wanted] = found[0] if len(found) == 1 else None
    scores, classes = named["scores"], named["classes"]
    whole = [i for i in lists if "int" in outputs[i].dtype]
    if scores is None and classes is None and len(lists) == 2 and len(whole) == 1:
        classes = whole[0]
    if len(lists) == 2 and (scores is None) != (classes is None):
        # One of two is known: the other one is the other.
        known = scores if classes is None else classes
        other = next(i for i in lists if i != known)
        return (other, classes) if scores is None else (scores, other)
    return scores, classes
