"""The name of the model that has answered."""

from __future__ import annotations

from sightline.serving.answering import AnsweringModel


def test_it_is_the_model_that_was_asked_until_another_says_so() -> None:
    answering = AnsweringModel("street")
    assert answering.model == "street"
    answering.note("street-2")
    assert answering.model == "street-2"


def test_a_suffix_stands_behind_every_other_name() -> None:
    answering = AnsweringModel("street-crops", "-crops")
    assert answering.model == "street-crops"
    answering.note("street-2")
    assert answering.model == "street-2-crops"
