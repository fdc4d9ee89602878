import pytest

from everyauth_cli.pages.colours import BLACK, WHITE, contrast, monogram, readable
from everyauth_cli.services.catalogue import Catalogue

COLOURS = ["#000000", "#ffffff", "#777777", "#ffe01b", "#06ac38", "#5e6ad2", "#0000ff", "#ff0000"]


def test_contrast_is_that_of_wcag():
    assert contrast(WHITE, BLACK) == contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast("#777777", WHITE) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("card", [WHITE, "#1c2028"])
@pytest.mark.parametrize("colour", COLOURS)
def test_an_accent_is_changed_until_it_can_be_read(colour, card):
    shown = readable(colour, card)
    assert contrast(shown, card) >= 4.5
    assert shown == colour or contrast(colour, card) < 4.5


@pytest.mark.parametrize(
    ("title", "letters"),
    [
        ("Slack", "S"),
        ("Google Calendar", "GC"),
        ("A b c", "AB"),
        ("42", "4"),
        ("", "?"),
        ("שירות", "ש"),
        ("<x>", "X"),
    ],
)
def test_a_monogram_has_one_or_two_letters(title, letters):
    assert monogram(title, None).letters == letters


def test_a_colour_made_from_a_title_is_always_the_same():
    assert monogram("Slack", None) == monogram("Slack", None) != monogram("Linear", None)


def test_every_services_icon_can_be_read():
    catalogue = Catalogue()
    services = [catalogue.get(name) for name in catalogue.names()]
    icons = [monogram(service.title, service.color) for service in services]
    assert all(contrast(icon.colour, icon.ink) >= 3 for icon in icons)
    assert sum(service.color is not None for service in services) >= 40
