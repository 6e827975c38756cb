"""Names of the 80 classes of COCO (Lin et al. 2014), in the order detectors number them."""

# fmt: off
COCO_NAMES: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)
# fmt: on

_GAPS = frozenset((12, 26, 29, 30, 45, 66, 68, 69, 71, 83))
_NUMBERED = iter(COCO_NAMES)

COCO_CATEGORIES: tuple[str, ...] = (
    "background",
    *(str(i) if i in _GAPS else next(_NUMBERED) for i in range(1, 91)),
)
"""The same by the number of their category, 0 to 90; numbers that COCO does not use name themselves."""

LISTS = {"coco": COCO_NAMES, "coco91": COCO_CATEGORIES}
"""Class names that a model card may call by one word."""


def names_for(classes: int | None) -> tuple[str, ...]:
    """COCO's names where the number of classes, if it is known, is that of models trained on it."""
    named = {None: COCO_NAMES, len(COCO_NAMES): COCO_NAMES, len(COCO_CATEGORIES): COCO_CATEGORIES}
    return named.get(classes, ())
