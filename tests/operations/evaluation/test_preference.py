"""Preferences from clicks in interleaved lists, against readers whose taste is known."""

import numpy as np

from operations.evaluation.interleaving import preference


def a_list(reader: str, teams: str, clicked: str = "") -> dict[str, object]:
    ids = [f"{n}" for n in range(len(teams))]
    return {"reader": reader, "item_ids": ids, "teams": list(teams), "clicked": list(clicked)}


def test_a_list_is_won_by_more_clicks_and_a_pin_is_nobodys() -> None:
    lists = [
        a_list("one", "AB", "0"),
        a_list("one", "ABB", "12"),
        a_list("two", "ABAB", "01"),
        a_list("three", "AB"),
        {**a_list("four", "AB", "09"), "teams": ["", "A"]},  # a pin, and an item of another list
    ]
    figures = preference(lists)
    assert (figures["lists"], figures["visitors"]) == (5, 4)
    assert figures["clicks"] == {"scene": 2, "variant": 3}
    assert figures["won"] == {"scene": 1, "variant": 1}
    assert (figures["tied"], figures["preference"]) == (3, 0.0)
    assert "Only 2 lists" in figures["says"]


def test_nothing_is_said_without_a_click() -> None:
    assert "nothing can be said" in preference([a_list("one", "AB")])["says"]


def simulated(better: float, seed: int, n: int = 400) -> dict[str, object]:
    """Readers click one item of the list; the variant's with a likelihood of `better`."""
    rng = np.random.default_rng(seed)
    return preference([a_list(f"r{n // 2}", "AB", "1" if rng.random() < better else "0") for n in range(n)])


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    for better in (0.5, 0.7):
        held = []
        for seed in range(200):
            low, high = simulated(better, seed, 120)["95"]  # type: ignore[misc]
            held.append(low <= 2 * better - 1 <= high)
        assert 0.9 <= np.mean(held) <= 0.99


def test_a_clear_taste_is_told() -> None:
    assert simulated(0.7, 1)["says"] == "Readers prefer the variant's order."
    assert simulated(0.3, 2)["says"] == "Readers prefer the scene's order."
    assert simulated(0.5, 3)["says"] == "The lists do not tell which order readers prefer."
