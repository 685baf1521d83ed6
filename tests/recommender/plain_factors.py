"""What a score is multiplied by because its item was shown before, told in the plainest way."""

from datetime import timedelta

from civicrec.clock import to_ms
from civicrec.items import hash_of
from tests.recommender.worlds import NOW, World


def factor_of(world: World, name: str) -> float:
    request = world.request
    since = to_ms(NOW - timedelta(days=14)) // 1000
    times = [at for at in world.profile.shown.get(hash_of(name), ()) if at > since]
    if request.mode == "general" or not request.scene.personalised or len(times) < 3:
        return 1.0
    return max(0.1, request.scene.fatigue ** (len(times) - 2))
