"""What runs in the shadow is kept beside what was served, changes nothing of it, and may fail."""

from dataclasses import replace

import pytest

from profiles.online.ports import ActorState
from recommender.artifacts import save_models
from recommender.manifest import LearnedWeights, Manifest
from recommender.request import Request
from recommender.scenes.files import SceneFiles
from recommender.scenes.shadow import Shadow
from recommender.signals import PlacedModels, Signals
from serving import list_log
from serving.shadow import Shadowed
from tests.recommender.scenes.test_scene_files import written
from tests.recommender.worlds import some_models
from tests.serving.conftest import NOW, Api
from tests.serving.test_list_log import waiting

PATH = "/v1/recommendations"
SCENE = """
title = "首页"
[sources]
fresh = 1.0
[variants.b]
sources = {trending = 1.0}
fallback = []
[shadow]
variant = "b"
share = 1.0
"""


def use(api: Api, text: str) -> None:
    written(api.settings.scenes_path, text, "home")
    api.live.refresh()


def test_the_shadow_is_kept_and_the_answer_is_as_without_it(api: Api) -> None:
    use(api, SCENE.split("[shadow]")[0])
    plain = api.ids(anonymous_id="visitor1")
    use(api, SCENE.replace("trending", "popular"))
    assert api.ids(anonymous_id="visitor1") == plain
    use(api, SCENE.replace("{trending = 1.0}", "{fresh = 1.0}\nmax_topic_share = 0.1"))
    api.ids(anonymous_id="visitor1")
    _, second, third = waiting(api)
    assert (second["shadow"], second["item_ids"]) == ("b", plain)
    assert third["shadow_ids"] != plain
    assert len(set(third["shadow_ids"])) == len(plain)


def test_the_shadow_shows_no_item_that_the_page_holds_already(api: Api) -> None:
    use(api, SCENE)
    api.post(PATH, {"anonymous_id": "one", "blocks": [{"scene": "latest", "n": 5}, {"scene": "home", "n": 5}]})
    above, home = waiting(api)
    assert (above["shadow"], home["shadow"]) == ("", "b")
    assert not set(home["shadow_ids"]) & set(above["item_ids"])


@pytest.mark.parametrize(("share", "kept"), [("0.0", 0), ("0.5", None), ("1.0", 30)])
def test_a_share_of_the_lists_is_tried(api: Api, share: str, kept: int | None) -> None:
    use(api, SCENE.replace("share = 1.0", f"share = {share}"))
    for n in range(30):
        api.get(PATH, anonymous_id=f"visitor{n}", n=3)
    n_tried = sum(one["shadow"] == "b" for one in waiting(api))
    assert n_tried == kept if kept is not None else 3 <= n_tried <= 27


def test_more_than_there_is_time_for_is_left_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_log, "MAX_SHADOWS", 2)
    use(api, SCENE)
    for _ in range(5):
        api.ids()
    assert [one["shadow"] for one in waiting(api)] == ["b", "b", "", "", ""]


def test_a_shadow_that_fails_costs_the_shadow_alone(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> list[str]:
        raise FloatingPointError("nobody judged these weights")

    monkeypatch.setattr(Shadowed, "ids", fail)
    use(api, SCENE)
    assert api.ids(n=3)
    (kept,) = waiting(api)
    assert (len(kept["item_ids"]), kept["shadow"], kept["shadow_ids"]) == (3, "", [])


def test_the_weights_of_a_run_order_the_same_candidates(api: Api) -> None:
    ids = [f"i{n}" for n in range(30)]
    for run, weight in (("run-0", 1.0), ("run-1", -1.0)):
        learned = LearnedWeights({"age_log": weight}, 300, 0.5, 0.4)
        save_models(
            api.settings.models_path, replace(some_models(ids), run=run, manifest=Manifest(rankers={"home": learned}))
        )
    scene = SCENE.split("[variants.b]")[0].replace("[sources]", 'ranker = "learned"\n[sources]')
    use(api, f'{scene}[shadow]\nrun = "run-1"\nshare = 1.0\n')
    newest, oldest = (_asked(api, run).ids(api.settings.models_path) for run in ("run-1", "run-0"))
    assert newest[0] == "i0"
    assert oldest[0] != "i0"


def _asked(api: Api, run: str) -> Shadowed:
    scene = SceneFiles(api.settings.scenes_path).scenes["home"]
    models = PlacedModels.of(some_models([f"i{n}" for n in range(30)]), api.live.catalogue)
    request = Request(scene, 5)
    return Shadowed(Shadow(1.0, run=run), request, ActorState(), api.live.catalogue, Signals(models), NOW)


def test_a_run_that_is_gone_is_told_once_and_costs_nothing(api: Api) -> None:
    use(api, '\ntitle = "首页"\n[shadow]\nrun = "2026-01-01-gone"\nshare = 1.0\n')
    assert api.ids(n=3)
    assert api.ids(n=3)
    assert [one["shadow"] for one in waiting(api)] == ["", ""]
