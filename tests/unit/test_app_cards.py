"""One card on a screen: what belongs together stays together."""

import flet as ft

from app.components.cards import pages


def test_buttons_and_words_stay_with_the_card_before_them():
    first, second = ft.Container(), ft.Semantics(label="a card with a name")
    words, act = ft.Text("words"), ft.Semantics(button=True, label="act")
    found = pages([first, words, act, second, act])
    assert found == [[first, words, act], [second, act]]


def test_what_begins_with_a_button_is_a_page_too():
    act, card = ft.Semantics(button=True), ft.Container()
    assert pages([act, card]) == [[act], [card]]
    assert pages([]) == []
