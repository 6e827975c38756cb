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

# fmt: off
KEYPOINT_NAMES: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)
"""COCO's keypoints of people, in their order."""

SKELETON: tuple[tuple[int, int], ...] = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
    (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)
"""Which of them COCO joins with a line; indices from 0."""
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
