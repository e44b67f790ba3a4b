"""From the places of the `[moderation]` section to which channels are watched, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from chatune_bots.moderation_settings import ModerationSection, PlaceSection
from chatune_core.errors import ConfigurationError
from chatune_core.messages import ConversationId
from chatune_core.moderation.cases import Measure
from chatune_core.moderation.verdicts import Category
from chatune_core.moderation.watching import Watch, Watching

USUAL = dict.fromkeys(set(Category) - {Category.SELF_HARM}, (Measure.REMOVE, Measure.WARN))
"""What is done where nothing is set: the post goes, and its author is told why."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """How a place stands with all that it inherits."""

    watched: bool = False
    watch: Watch = field(default_factory=lambda: Watch(measures=USUAL))


def watching(section: ModerationSection) -> Watching:
    """Return which places are watched, and how. Moderators' channels are not, unless that is set.

    Raises:
        ConfigurationError: a place is watched, but nobody is told of what is found.
    """
    if section.mode == "off":
        return Watching()
    standings: dict[str, _Standing] = {}
    for name in sorted(section.places, key=lambda name: name.count(":")):
        standings[name] = _changed(_around(name, standings), section.places[name])
    _check(standings)
    places = {name: each.watch if each.watched else None for name, each in standings.items()}
    for review in {each.watch.review for each in standings.values() if each.watch.review}:
        if review not in section.places or section.places[review].watch is None:
            places[review] = None
    return Watching(places)


def watched_platforms(section: ModerationSection) -> frozenset[str]:
    """Return the platforms on which some place is watched."""
    places = watching(section).places
    return frozenset(name.partition(":")[0] for name, watch in places.items() if watch is not None)


def _around(name: str, standings: Mapping[str, _Standing]) -> _Standing:
    while name:
        name = name.rpartition(":")[0]
        if name in standings:
            return standings[name]
    return _Standing()


def _changed(around: _Standing, place: PlaceSection) -> _Standing:
    watch = around.watch
    measures = dict(watch.measures)
    for category in measures:
        chosen = place.measures.of(category)
        if chosen is not None:
            measures[category] = chosen
    if place.review is not None:
        watch = replace(watch, review=ConversationId(place.review))
    if place.time_out_s is not None:
        watch = replace(watch, time_out=timedelta(seconds=place.time_out_s))
    if place.slow_mode_s is not None:
        watch = replace(watch, slow_mode=timedelta(seconds=place.slow_mode_s))
    if place.slow_mode_for_s is not None:
        watch = replace(watch, slow_mode_for=timedelta(seconds=place.slow_mode_for_s))
    watched = around.watched if place.watch is None else place.watch
    return _Standing(watched, replace(watch, measures=measures))


def _check(standings: Mapping[str, _Standing]) -> None:
    for name, standing in standings.items():
        if standing.watched and standing.watch.review is None:
            raise ConfigurationError(
                f"{name} is watched, but no moderator is told of what is found there.",
                f'Set review = "PLATFORM:WORKSPACE:CHANNEL" in [moderation.places."{name}"].',
            )
