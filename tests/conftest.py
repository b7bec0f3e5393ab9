"""What holds for every test: the long ones wait to be asked for, and generated examples follow a profile."""

import os

import hypothesis
import pytest

pytest_plugins = ["tests.components"]

# No deadline: a shared machine's hiccup is no bug. The same examples each time in CI, new ones at home.
hypothesis.settings.register_profile("dev", deadline=None, max_examples=100)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=300, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("ONEWINDOW_LONG") == "1":
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]
